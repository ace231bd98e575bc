import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Which addresses a host may have: `Listed` all but those that no registry has, `Named` not the functions' own either, `Referred`
 * public ones only.
 */
export type Reach = 'Listed' | 'Named' | 'Referred';

/** The reach of a host: of one that the operator lists, of one that an image names or whose domain that one belongs to, or of any other. */
export function reachOf({ host, hostname }: URL, registry: string, listed: ReadonlySet<string>): Reach {
  if (listed.has(host)) return 'Listed';
  const own = URL.parse(`https://${registry}`)?.hostname ?? '';
  return hostname === own || hostname.endsWith(`.${parentOf(own)}`) || hostname === parentOf(own)
    ? 'Named'
    : 'Referred';
}

/** The domain that a host is in; the host itself if that would be a top-level domain, and for an address. */
function parentOf(hostname: string): string {
  const parent = hostname.slice(hostname.indexOf('.') + 1);
  return parent.includes('.') && isIP(literal(hostname)) === 0 ? parent : hostname;
}

type Range = readonly [address: string, bits: number];

/** Also the addresses by which IPv6 reaches those of IPv4: compatible, NAT64 (RFC 6052 and 8215) and 6to4. Node maps `::ffff:` itself. */
function listOf(v4: readonly Range[], v6: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of v6) list.addSubnet(address, bits, 'ipv6');
  for (const [address, bits] of v4) {
    list.addSubnet(address, bits, 'ipv4');
    for (const prefix of ['64:ff9b::', '64:ff9b:1::']) list.addSubnet(`${prefix}${address}`, 96 + bits, 'ipv6');
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
    list.addSubnet(`2002:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}::`, 16 + bits, 'ipv6');
  }
  return list;
}

/** Link-local and metadata addresses, where clouds serve credentials of machines (AWS, Azure, Alibaba, GCP), multicast, and Teredo. */
const noRegistry = listOf(
  [
    ['169.254.0.0', 16],
    ['168.63.129.16', 32],
    ['100.100.100.200', 32],
    ['224.0.0.0', 3],
  ],
  [
    ['fe80::', 10],
    ['fd00:ec2::', 32],
    ['fd20:ce::254', 128],
    ['ff00::', 8],
    ['2001::', 32],
  ],
);
/** Of the process itself, beside which other containers of its Pod listen. */
const own = listOf(
  [
    ['127.0.0.0', 8],
    ['0.0.0.0', 8],
  ],
  [['::', 96]],
);
/** Of the operator's network: private, shared (RFC 6598), benchmarking, and NAT64 of the operator. */
const internal = listOf(
  [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
    ['192.0.0.0', 24],
    ['198.18.0.0', 15],
  ],
  [
    ['fc00::', 7],
    ['fec0::', 10],
    ['64:ff9b:1::', 48],
  ],
);

const refused: Readonly<Record<Reach, readonly BlockList[]>> = {
  Listed: [noRegistry],
  Named: [noRegistry, own],
  Referred: [noRegistry, own, internal],
};

const literal = (host: string): string => host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');

/** Whether a host is an address beyond the reach; false for names, which `guardedLookup` checks. */
export function isRefusedAddress(host: string, reach: Reach): boolean {
  const address = literal(host);
  const family = isIP(address);
  return family !== 0 && refused[reach].some((list) => list.check(address, family === 4 ? 'ipv4' : 'ipv6'));
}

/** Refuses addresses when connecting, so that a name cannot change its address after the check. */
export function guardedLookup(reach: Reach, lookup: LookupFunction = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      // On an error `found` is undefined, contrary to its type.
      const isGood = error !== null || addressesIn(found).every((each) => !isRefusedAddress(each, reach));
      callback(isGood ? error : new RefusedAddress(`${hostname} has an address that is not asked`), found, family);
    });
  };
}

class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';
}

/** Milliseconds until a name counts as one that only the proxy can resolve. */
const longestLookup = 1_000;

/** Throws if a guarded lookup refuses the name. A name without an address here passes: the proxy resolves it, and decides. */
export function refuseByAddress(hostname: string, lookup: LookupFunction): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, longestLookup, undefined);
  lookup(hostname, { all: true }, (error) => {
    clearTimeout(timer);
    if (error instanceof RefusedAddress) reject(error);
    else resolve(undefined);
  });
  return promise;
}

const addressesIn = (found: string | readonly LookupAddress[]): readonly string[] =>
  typeof found === 'string' ? [found] : found.map(({ address }) => address);

import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** Link-local addresses, where clouds serve machine credentials, and their IPv6 forms; no registry has one. */
const forbidden = new BlockList();
forbidden.addSubnet('169.254.0.0', 16, 'ipv4');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/** Whether a host is an address that user-supplied references must not reach; false for names. */
export function isForbiddenAddress(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const family = isIP(address);
  return family !== 0 && forbidden.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Refuses forbidden addresses when connecting, so that a name can not change its address after the check. */
export function guardedLookup(lookup: LookupFunction = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      // On an error `found` is undefined, contrary to its type.
      const isGood = error !== null || addressesIn(found).every((each) => !isForbiddenAddress(each));
      callback(isGood ? error : new Error(`${hostname} has a link-local address, and is not asked`), found, family);
    });
  };
}

const addressesIn = (found: string | readonly LookupAddress[]): readonly string[] =>
  typeof found === 'string' ? [found] : found.map(({ address }) => address);

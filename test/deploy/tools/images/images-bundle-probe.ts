/** A program with packages that have broken in a bundle: CommonJS that calls require, and one that reads import.meta.url. */
import { KubeConfig } from '@kubernetes/client-node';
import { CloudEvent } from 'cloudevents';
import { validate } from 'node-cron';

const config = new KubeConfig();
config.loadFromClusterAndUser({ name: 'c', server: 'http://127.0.0.1:1', skipTLSVerify: true }, { name: 'u' });
const event = new CloudEvent({ type: 'probe', source: '/' });
console.log(config.getCurrentCluster()?.server, event.type, validate('* * * * *'));

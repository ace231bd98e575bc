/** What `npm start` runs: the program on the cluster that is named, or else a simulation. Images do not contain the simulation. */
import { endWithNpm } from './end-with-npm.ts';
import { program } from './program.ts';

endWithNpm();
switch (program()) {
  case 'function':
    await import('../../functions/main.ts');
    break;
  case 'standalone':
    await import('./main.ts');
    break;
  case 'simulation':
    await import('./try-out-main.ts');
}

import { reconcile } from '../../functions/reconcile.ts';
import { aCache, changed, scene, type Scene } from './scene.ts';

/** What was written since the last look. */
export const quiet = (on: Scene): readonly string[] => on.api.newCalls().filter((call) => !call.startsWith('GET'));

/** A cache whose first round is open on one node. */
export async function begun(): Promise<Scene> {
  const on = scene();
  on.cache();
  on.nodes('node-1');
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  on.api.newCalls();
  return on;
}

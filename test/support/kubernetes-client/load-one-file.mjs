import * as module from 'node:module';

const [, url] = /[?]client=(.*)/.exec(import.meta.url) ?? [];

// Node 20, which may run npm, has no such hooks.
module.registerHooks?.({
  resolve: (specifier, context, next) =>
    specifier === '@kubernetes/client-node' ? { url, shortCircuit: true } : next(specifier, context),
});

// Node's own modules in the bundle. An `import` of one makes Node read all that it exports, also what is made when it is first read: `node:http`
// has a WebSocket, and with it comes all of undici. Asked for as a value, a module gives only what is used.
import { isBuiltin } from 'node:module';
import type { Plugin } from 'rolldown';

const MARK = '\0builtin:';

export function builtinModules(): Plugin {
  return {
    name: 'builtin-modules',
    resolveId(source, _importer, { kind }) {
      return kind === 'import-statement' && isBuiltin(source) ? MARK + source : null;
    },
    load(id) {
      if (!id.startsWith(MARK)) return null;
      const source = id.slice(MARK.length);
      const names = Object.keys(process.getBuiltinModule(source) ?? {}).filter((name) => name !== 'default');
      return {
        moduleSideEffects: false,
        code: [
          `const builtin = process.getBuiltinModule(${JSON.stringify(source)});`,
          'export default builtin;',
          ...names.map((name) => `export const { ${name} } = builtin;`),
        ].join('\n'),
      };
    },
  };
}

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';
import { compression } from 'vite-plugin-compression2';

/** What the page shows when nothing answers. It is loaded only then, so the service worker must have it before: it reads the list in the page. */
const KEPT_OFFLINE = 'views/Unreachable.svelte';

const keptOffline = (): Plugin => ({
  name: 'kept-offline',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle = {} }) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk');
      const kept = new Set<string>();
      const keep = (name: string): void => {
        if (kept.has(name)) return;
        kept.add(name);
        const chunk = chunks.find(({ fileName }) => fileName === name);
        for (const style of chunk?.viteMetadata?.importedCss ?? []) kept.add(style);
        for (const imported of chunk?.imports ?? []) keep(imported);
      };
      const view = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(KEPT_OFFLINE) === true);
      // Not so while developing: nothing is bundled, and there is no service worker.
      if (view === undefined) return html;
      keep(view.fileName);
      const content = [...kept].map((name) => `/${name}`).join(' ');
      return { html, tags: [{ tag: 'meta', attrs: { name: 'kept-offline', content }, injectTo: 'head' }] };
    },
  },
});

export default defineConfig({
  plugins: [
    svelte({ configFile: false, compilerOptions: { runes: true } }),
    keptOffline(),
    compression({
      algorithms: ['brotliCompress'],
      include: /\.(html|js|css|svg|webmanifest)$/,
      threshold: 512,
    }),
  ],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Nothing inlined: the Content-Security-Policy allows no data: URL, and the polyfill is not needed at this target.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // On a busy machine it would tell a newcomer where `npm ci` spent its time.
    rolldownOptions: {
      checks: { bundlerTimings: false },
      // What the first load needs is one file: on a slow line each of a dozen small ones waits its turn, and the answers of the API behind them.
      output: { codeSplitting: { groups: [{ name: 'page', tags: ['$initial'] }] } },
    },
  },
  // The protocol lies beside the page; `web/dev/serve.ts` says what is behind it.
  server: { fs: { allow: ['..'] } },
});

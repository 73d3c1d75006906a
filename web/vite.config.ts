import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { compression } from 'vite-plugin-compression2';

export default defineConfig({
  plugins: [
    svelte({ configFile: false, compilerOptions: { runes: true } }),
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
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  // The protocol lies beside the page; `web/dev/serve.ts` says what is behind it.
  server: { fs: { allow: ['..'] } },
});

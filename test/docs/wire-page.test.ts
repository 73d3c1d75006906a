import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { WIRE_PAGE, wirePage } from '../../docs/write-wire.ts';

test('docs/wire.md is what the schemas say; when it is not: npm run docs:wire', () => {
  expect(readFileSync(WIRE_PAGE, 'utf8')).toBe(wirePage());
});

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const here = new URL('..', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', here), 'utf8'));
const source = readdirSync(new URL('src', here)).map((file) => readFileSync(new URL(`src/${file}`, here), 'utf8')).join('\n');

test('every command that is offered exists, and every other is offered', () => {
  const offered: string[] = manifest.contributes.commands.map(({ command }: { command: string }) => command);
  const registered = [...source.matchAll(/registerCommand\('([^']+)'/g)].map(([, command]) => command);
  assert.deepEqual(offered.toSorted(), registered.toSorted());
});

test('every setting that is read is declared with the same name', () => {
  const declared = Object.keys(manifest.contributes.configuration.properties);
  const read = [...source.matchAll(/\bget(?:<[^(]*>)?\('([a-zA-Z.]+)'/g)].map(([, key]) => `mirrord.${key}`);
  for (const key of declared) assert.ok(read.includes(key), `${key} is declared and never read`);
});

test('files that the manifest names are there', () => {
  const named = [...JSON.stringify(manifest).matchAll(/media\/[\w/.-]+/g)].map(([file]) => file);
  assert.ok(named.length > 3);
  for (const file of named) assert.ok(existsSync(new URL(file, here)), file);
});

test('nothing is needed at run time that is not in the bundle', () => {
  assert.equal(manifest.dependencies, undefined);
});

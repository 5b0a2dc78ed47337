import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asConfigured, inWords, label, NOTHING, pick } from '../src/choice.ts';

const api = { path: 'deployment/api', namespace: 'shop' };

test('what was picked last comes first, once, and few are remembered', () => {
  let choice = NOTHING;
  for (const name of ['a', 'b', 'c', 'a', 'd', 'e', 'f']) choice = pick(choice, { path: `pod/${name}` });
  assert.deepEqual(choice.recent.map(({ path }) => path), ['pod/f', 'pod/e', 'pod/d', 'pod/a', 'pod/c']);
});

test('the same name in another namespace is another target', () => {
  const { recent } = pick(pick(NOTHING, api), { ...api, namespace: 'other' });
  assert.equal(recent.length, 2);
});

test('the status bar says whether launches run with mirrord, and in whose place', () => {
  assert.equal(label(NOTHING), 'mirrord: off');
  assert.equal(label(pick(NOTHING, api)), 'mirrord: deployment/api');
  assert.equal(label({ ...pick(NOTHING, api), on: false }), 'mirrord: off');
  const configured = asConfigured(pick(NOTHING, api));
  assert.equal(label(configured), 'mirrord: on');
  assert.deepEqual(configured.recent, [api]);
  assert.equal(inWords({ ...api, context: 'kind' }), 'deployment/api in shop, context kind');
});

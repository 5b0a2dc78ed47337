import assert from 'node:assert/strict';
import { test } from 'node:test';

import { entries, type Known } from '../src/listing.ts';

const listed = {
  targets: [
    { path: 'deployment/api', namespace: 'shop', kind: 'deployment', available: true, ready: 2, desired: 3, containers: ['web', 'cache'] },
    { path: 'pod/api-1', namespace: 'shop', kind: 'pod', available: false, ready: 0, desired: 1, containers: ['web'] },
    { path: 'pod/new', namespace: 'shop', kind: 'pod', available: true, ready: null, desired: null },
  ],
  total: 3,
};
const nothing: Known = { listed, filter: '', context: undefined, recent: [], on: false, configured: undefined };

function drawn(known: Partial<Known>): string[] {
  return entries({ ...nothing, ...known }).map((entry) => ('heading' in entry ? `-- ${entry.heading}` : [entry.label, entry.description].filter(Boolean).join(' | ')));
}

test('targets stand below their kinds, with what is known of their pods', () => {
  assert.deepEqual(drawn({}), ['-- deployments', 'deployment/api | 2/3 ready · 2 containers', '-- pods', 'pod/api-1 | not ready (0/1 ready)', 'pod/new']);
});

test('recent targets come first, and not twice', () => {
  const recent = [{ path: 'pod/new', namespace: 'shop' }, { path: 'pod/new', namespace: 'other' }];
  assert.deepEqual(drawn({ recent }).slice(0, 3), ['-- recent', 'pod/new | in shop', 'pod/new | in other']);
  assert.equal(drawn({ recent }).filter((line) => line.startsWith('pod/new')).length, 2);
});

test('off and the target of the configuration are offered where they mean something', () => {
  assert.deepEqual(drawn({ on: true, configured: 'pod/x' }).slice(0, 2), ['Off | launches run without mirrord', 'Target of the configuration | pod/x']);
});

test('with a filter the order is the server’s, and nothing else is shown', () => {
  const recent = [{ path: 'pod/new', namespace: 'shop' }];
  assert.deepEqual(drawn({ filter: 'x', recent, on: true, configured: 'pod/x' }), ['deployment/api | 2/3 ready · 2 containers', 'pod/api-1 | not ready (0/1 ready)', 'pod/new']);
});

test('a target keeps where it was found', () => {
  const [, api] = entries({ ...nothing, context: 'kind' });
  assert.deepEqual(api && 'act' in api ? api.act : undefined, {
    kind: 'target', target: { path: 'deployment/api', namespace: 'shop', context: 'kind' }, containers: ['web', 'cache'],
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { configured } from '../src/configured.ts';

test('a target that nobody has written is none', () => {
  const open = { path: 'targetless', namespace: 'shop' };
  assert.deepEqual(configured({ config: { target: open }, origins: { '/target/namespace': 'file' } }), { target: undefined, place: { namespace: 'shop' } });
  assert.equal(configured({ config: { target: open }, origins: { '/target/path': 'file' } })?.target, 'targetless');
  assert.equal(configured({ config: { target: null } })?.target, undefined);
  assert.equal(configured({ config: { target: { path: 'pod/x' } } })?.target, 'pod/x');
});

test('the picker looks where the configuration does', () => {
  const config = { target: null, kube_context: 'kind', kubeconfig: '/k' };
  assert.deepEqual(configured({ config })?.place, { context: 'kind', kubeconfig: '/k' });
});

test('nothing is concluded from a configuration with errors', () => {
  assert.equal(configured({ config: null }), undefined);
});

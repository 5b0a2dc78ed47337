import assert from 'node:assert/strict';
import { test } from 'node:test';

import { patched, settled, treat, variables, wish, type Launch } from '../src/launches.ts';

const launch = (type: string, more: object = {}): Launch => ({ type, request: 'launch', name: 'x', ...more });
const injection = { session: 's1', target: 'pod/x', set: { B: '2', LD_PRELOAD: '/l.so' }, unset: ['PYTHONHOME'] };

test('launches are treated as their debuggers allow', () => {
  const kinds: [Launch, boolean, string][] = [
    [launch('python'), false, 'leave'],
    [launch('python'), true, 'environment'],
    [launch('python', { mirrord: {} }), false, 'environment'],
    [launch('python', { mirrord: false }), true, 'leave'],
    [launch('python', { mirrord: { enabled: false } }), true, 'leave'],
    [launch('go'), true, 'proxy dlv'],
    [launch('go', { request: 'attach' }), true, 'leave'],
    [launch('pwa-node', { __pendingTargetId: 'a' }), true, 'leave'],
    [launch('pwa-node', { __parentId: 'a' }), true, 'leave'],
    [launch('pwa-chrome'), true, 'leave'],
    [launch('extensionHost'), true, 'leave'],
    [launch('mirrord'), false, 'proxy undefined'],
    [launch('mirrord', { request: 'attach' }), true, 'leave'],
    [launch('some-other'), true, 'environment'],
  ];
  for (const [given, on, expected] of kinds) {
    const treatment = treat(given, on, ['go']);
    const told = treatment.kind === 'proxy' ? `proxy ${treatment.adapter}` : treatment.kind;
    assert.equal(told, expected, JSON.stringify(given));
  }
});

test('what asks for mirrord and cannot have it is told why', () => {
  for (const given of [launch('go', { request: 'attach' }), launch('chrome')]) {
    const treatment = treat(given, true, ['go']);
    assert.ok(treatment.kind === 'leave' && treatment.why, JSON.stringify(given));
  }
});

test('a child session, one that joins and one without mirrord are left as they are', () => {
  assert.ok(settled(false) && settled({ session: 's1' }) && settled({ enabled: false }));
  assert.ok(!settled(undefined) && !settled(true) && !settled({ target: 'pod/x' }));
});

test('the launch beats what was picked, which beats the configuration', () => {
  const picked = { path: 'pod/a', namespace: 'n', context: 'c' };
  assert.deepEqual(wish(undefined, picked, 'm.json'), { config: 'm.json', target: 'pod/a', namespace: 'n', context: 'c' });
  assert.deepEqual(wish({ target: 'pod/b' }, picked, 'm.json'), { config: 'm.json', target: 'pod/b' });
  assert.deepEqual(wish({ namespace: 'o', key: 'me' }, picked, undefined), { target: 'pod/a', namespace: 'o', context: 'c', key: 'me' });
  assert.deepEqual(wish(true, undefined, undefined), {});
});

test('each debugger gets the variables in its own shape', () => {
  const cases: [Launch, string, unknown][] = [
    [launch('python', { env: { A: '1', B: '1' } }), 'env', { A: '1', B: '2', LD_PRELOAD: '/l.so', PYTHONHOME: null }],
    [launch('lldb', { env: { A: '1' } }), 'env', { A: '1', B: '2', LD_PRELOAD: '/l.so' }],
    [launch('lldb-dap', { env: ['A=x=1', 'B=1'] }), 'env', ['A=x=1', 'B=2', 'LD_PRELOAD=/l.so']],
    [launch('lldb-dap', { env: { A: '1' } }), 'env', ['A=1', 'B=2', 'LD_PRELOAD=/l.so']],
    [launch('cppdbg', { environment: [{ name: 'A', value: '1' }] }), 'environment', [{ name: 'A', value: '1' }, { name: 'B', value: '2' }, { name: 'LD_PRELOAD', value: '/l.so' }]],
    [launch('java'), 'env', { B: '2', LD_PRELOAD: '/l.so' }],
  ];
  for (const [given, key, expected] of cases) assert.deepEqual(patched(given, injection).launch[key], expected, given.type);
});

test('what a debugger cannot be told is remarked', () => {
  assert.deepEqual(patched(launch('python'), injection).remarks, []);
  assert.match(patched(launch('lldb'), injection).remarks.join(), /cannot remove variables.*PYTHONHOME/);
  const java = patched(launch('java', { console: 'internalConsole' }), { ...injection, unset: [] });
  assert.equal(java.launch['console'], 'integratedTerminal');
  assert.equal(java.remarks.length, 1);
});

test('the server hears of the variables that the launch sets itself', () => {
  assert.deepEqual(variables(launch('python', { env: { A: 1, B: null } })), { A: '1', B: null });
  assert.deepEqual(variables(launch('lldb-dap', { env: ['A=1=2', 'B'] })), { A: '1=2', B: '' });
  assert.deepEqual(variables(launch('cppdbg', { environment: [{ name: 'A', value: '1' }] })), { A: '1' });
  assert.deepEqual(variables(launch('java')), {});
});

test('ports that a debugger opens in the program for itself are not the pod’s', () => {
  assert.deepEqual(variables(launch('pwa-node', { env: { A: '1' } })), { MIRRORD_IGNORE_DEBUGGER_PORTS: '53000-53999', A: '1' });
  assert.equal(variables(launch('node', { env: { MIRRORD_IGNORE_DEBUGGER_PORTS: '1' } }))['MIRRORD_IGNORE_DEBUGGER_PORTS'], '1');
});

test('our key is not passed on to debuggers that do not know it', () => {
  assert.ok(!('mirrord' in patched(launch('python', { mirrord: { target: 'pod/x' } }), injection).launch));
});

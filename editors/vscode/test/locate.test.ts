import assert from 'node:assert/strict';
import { test } from 'node:test';

import { locate, PROGRAM } from '../src/locate.ts';

const there = (...files: string[]) => (file: string) => files.includes(file);
const around = { setting: '', extension: '/ext', searchPath: '/usr/bin:relative:/opt/bin' };

test('the setting beats what is bundled, which beats PATH', () => {
  const all = there('/my/server', `/ext/server/${PROGRAM}`, `/opt/bin/${PROGRAM}`);
  assert.deepEqual(locate({ ...around, setting: '/my/server', executable: all }), { path: '/my/server' });
  assert.deepEqual(locate({ ...around, executable: all }), { path: `/ext/server/${PROGRAM}` });
  assert.deepEqual(locate({ ...around, executable: there(`/opt/bin/${PROGRAM}`) }), { path: `/opt/bin/${PROGRAM}` });
});

test('relative folders of PATH are not searched: which program is found must not depend on the workspace', () => {
  assert.ok('missing' in locate({ ...around, executable: there(`relative/${PROGRAM}`) }));
});

test('a setting that leads nowhere is an error, even where another program would be found', () => {
  const located = locate({ ...around, setting: '/gone', executable: there(`/opt/bin/${PROGRAM}`) });
  assert.match('missing' in located ? located.missing : '', /mirrord\.server\.path names \/gone/);
});

test('a missing program is told with where it was looked for and what to do', () => {
  const located = locate({ ...around, executable: there() });
  assert.match('missing' in located ? located.missing : '', /\/ext\/server\/.*PATH.*mirrord\.server\.path/);
});

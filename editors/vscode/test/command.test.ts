import assert from 'node:assert/strict';
import { test } from 'node:test';

import { words } from '../src/command.ts';

test('a wish becomes flags of exec, and the program’s words stay as they are', () => {
  assert.deepEqual(words('/s', { config: 'm.json', target: 'pod/x', namespace: 'n', context: 'c', key: 'k' }, ['sh', '-c', 'a b']),
    ['/s', 'exec', '--config-file', 'm.json', '--target', 'pod/x', '--target-namespace', 'n', '--context', 'c', '--key', 'k', '--', 'sh', '-c', 'a b']);
  assert.deepEqual(words('/s', {}, ['zsh']), ['/s', 'exec', '--', 'zsh']);
});

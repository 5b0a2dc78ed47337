import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { outline, update, type Line } from '../src/outline.ts';
import type { Session } from '../src/protocol.ts';

function drawn(lines: Line[], indent = ''): string[] {
  return lines.flatMap(({ label, description, children }) => [`${indent}${label} | ${description}`, ...drawn(children, `${indent}  `)]);
}

const session: Session = {
  session: 's1', by: 'debug', pid: 47, target: 'pod/shop-1/container/web in namespace staging', state: 'connected', reason: null, standing: true,
  seconds: 61, programs: 3, sentBytes: 18310, receivedBytes: 992210, roundTrips: 812, latency: { medianMicros: 1200, p99Micros: 3900, slowestMicros: 4100 },
  ports: [{ port: 80, local: '127.0.0.1:8080', mode: 'steal' }],
  requests: [{ port: 80, peer: '10.0.0.7:41234', mode: 'steal', secondsAgo: 3, open: true }],
  connections: [{ remote: '10.96.12.1:5432', seconds: 40 }], moreConnections: 2,
  files: [{ path: '/etc/app.yaml', writes: false, secondsAgo: 0, times: 2 }],
};

test('a session shows what it does', () => {
  assert.deepEqual(drawn(outline([session])), [
    'pod/shop-1 | stands at a breakpoint · web · 1 min',
    '  Ports | 1',
    '    port 80 | stolen, goes to 127.0.0.1:8080',
    '  Requests | 1',
    '    10.0.0.7:41234 → 80 | stolen, just now, open',
    '  Open connections | 3',
    '    10.96.12.1:5432 | open for less than a minute',
    '  Files of the pod | 1',
    '    /etc/app.yaml | read, just now',
    '  Round trips | 812, 1.2 ms each (99 of 100 within 3.9 ms, slowest 4.1 ms)',
  ]);
  assert.equal(outline([session])[0]?.tooltip, 'Session s1 in namespace staging\ndebugged (process 47)\n3 processes have joined');
});

test('a server that tells less is shown with less', () => {
  assert.deepEqual(drawn(outline([{ session: '1', target: '', state: 'starting' }])), ['session 1 | starting']);
});

test('a target of another form is shown as it is', () => {
  assert.deepEqual(drawn(outline([{ session: '1', target: 'label/app=x', state: 'lost' }])), ['label/app=x | lost']);
});

test('lines have names of their own', () => {
  const ids = (lines: Line[]): string[] => lines.flatMap(({ id, children }) => [id, ...ids(children)]);
  const all = ids(outline([session, { ...session, session: 's2' }]));
  assert.equal(new Set(all).size, all.length);
});

test('the answer in the protocol’s documentation is one that we show', () => {
  // The checks run in a copy of this folder; ours is named by whoever runs them.
  const text = readFileSync(process.env['MIRRORD_PROTOCOL'] ?? new URL('../../PROTOCOL.md', import.meta.url), 'utf8');
  const example = /^## `mirrord\/sessions`$.*?```json\n(.*?)```/ms.exec(text)?.[1] ?? '{}';
  const { sessions } = JSON.parse(example) as { sessions: Session[] };
  assert.match(drawn(outline(sessions)).join('\n'), /port 80 \| stolen.*10\.244\.0\.7:41234 → 80.*10\.96\.12\.1:5432.*config\.yaml/s);
});

test('what has not changed is not drawn anew', () => {
  const lines = outline([session]);
  const [line] = lines;
  assert.deepEqual(update(lines, outline([{ ...session, seconds: 62 }])), []);
  const ids = (changes: Line[] | 'all') => (changes === 'all' ? changes : changes.map(({ id }) => id));
  assert.deepEqual(ids(update(lines, outline([{ ...session, roundTrips: 813 }]))), ['s1/link']);
  assert.deepEqual(ids(update(lines, outline([{ ...session, requests: [] }]))), ['s1'], 'a line below it is gone, another has changed');
  assert.deepEqual(ids(update(lines, outline([{ ...session, requests: [], standing: false }]))), ['s1']);
  assert.deepEqual(drawn(lines), drawn(outline([{ ...session, requests: [], standing: false }])));
  assert.equal(lines[0], line, 'the editor knows lines by their identity');
  assert.equal(update(lines, outline([session, { ...session, session: 's2' }])), 'all');
  assert.equal(update(lines, []), 'all');
});

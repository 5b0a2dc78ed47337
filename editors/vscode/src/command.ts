// The command line of `mirrord exec`.

import type { Wish } from './protocol.ts';

/** The words that run `program` as `wish` says. */
export function words(server: string, wish: Wish, program: readonly string[]): [string, ...string[]] {
  const { config, target, namespace, context, key } = wish;
  const file = typeof config === 'string' ? config : undefined;
  const flags = { '--config-file': file, '--target': target, '--target-namespace': namespace, '--context': context, '--key': key };
  const given = Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return [server, 'exec', ...given, '--', ...program];
}

// Where the server's program is.

import * as path from 'node:path';

/** The program's name: one program that is language server, debug adapter and command line. */
export const PROGRAM = 'mirrord-ide-server';

/** What the search depends on. */
export interface Surroundings {
  /** The setting `mirrord.server.path`; empty when it is not set. */
  setting: string;
  /** Folder of this extension. */
  extension: string;
  /** The variable `PATH`. */
  searchPath: string;
  /** Whether a path is a file that may be executed. */
  executable(file: string): boolean;
}

/** The program to start, or a sentence for the user that says where it was looked for and what to do. */
export type Located = { path: string } | { missing: string };

/**
 * The setting beats what this extension brings, which beats `PATH`. A setting that leads nowhere is an error: somebody who
 * names a program does not want another one.
 */
export function locate({ setting, extension, searchPath, executable }: Surroundings): Located {
  if (setting !== '') {
    return executable(setting)
      ? { path: setting }
      : { missing: `The setting mirrord.server.path names ${setting}, which is no program. Correct it, or remove it to use the one of this extension.` };
  }
  const bundled = path.join(extension, 'server', PROGRAM);
  const folders = searchPath.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const found = [bundled, ...folders.map((folder) => path.join(folder, PROGRAM))].find(executable);
  return found !== undefined
    ? { path: found }
    : {
        missing:
          `${PROGRAM} was not found: this build of the extension brings none (${bundled}), and no folder of PATH has it. ` +
          'Install mirrord for this machine, or name the program in the setting mirrord.server.path.',
      };
}

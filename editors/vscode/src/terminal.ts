// Terminals and tasks that run in a session: `mirrord exec`.

import * as path from 'node:path';
import * as vscode from 'vscode';

import { folder, type Chooser } from './chooser.ts';
import { words } from './command.ts';
import { wish } from './launches.ts';
import type { Wish } from './protocol.ts';
import { Failure, tell, type Server } from './server.ts';
import * as settings from './settings.ts';

/** A task of ours in tasks.json. */
interface Definition extends vscode.TaskDefinition {
  command: string;
  mirrord?: Wish;
}

/** Registers the terminal, as a profile and as a command, and the kind of tasks. */
export function register(server: Server, chooser: Chooser): vscode.Disposable[] {
  return [
    vscode.window.registerTerminalProfileProvider('mirrord.terminal', {
      provideTerminalProfile: async () => {
        const options = await shell(server, chooser);
        if (options === undefined) return undefined;
        // The editor leaves a panel that is hidden as it is, and a terminal in it does not begin.
        const opened = vscode.window.onDidOpenTerminal((terminal) => {
          if (terminal.name !== options.name) return;
          opened.dispose();
          terminal.show();
        });
        return new vscode.TerminalProfile(options);
      },
    }),
    vscode.commands.registerCommand('mirrord.openTerminal', async () => {
      const options = await shell(server, chooser);
      if (options !== undefined) vscode.window.createTerminal(options).show();
    }),
    vscode.tasks.registerTaskProvider('mirrord', { provideTasks: () => [], resolveTask: (task) => resolve(task, server, chooser) }),
  ];
}

/** A shell in a session; nothing when the user gives no target. */
async function shell(server: Server, chooser: Chooser): Promise<vscode.TerminalOptions | undefined> {
  try {
    const command = await line(server, chooser, folder(), {}, [vscode.env.shell || '/bin/sh']);
    if (command === undefined) return undefined;
    const [shellPath, ...shellArgs] = command;
    return { name: 'mirrord', shellPath, shellArgs, env: settings.environment(), iconPath: new vscode.ThemeIcon('plug') };
  } catch (error) {
    tell(server.log, error);
    return undefined;
  }
}

async function resolve(task: vscode.Task, server: Server, chooser: Chooser): Promise<vscode.Task | undefined> {
  try {
    const definition = task.definition as Definition;
    const scope = task.scope ?? vscode.TaskScope.Workspace;
    const of = typeof scope === 'object' ? scope : folder();
    const command = await line(server, chooser, of, definition.mirrord ?? {}, ['/bin/sh', '-c', definition.command]);
    if (command === undefined) return undefined;
    const [program, ...rest] = command;
    const execution = new vscode.ProcessExecution(program, rest, { env: settings.environment(), ...(of === undefined ? {} : { cwd: of.uri.fsPath }) });
    // The definition must stay the very one that the editor asked with.
    return new vscode.Task(task.definition, scope, task.name, 'mirrord', execution);
  } catch (error) {
    tell(server.log, error);
    return undefined;
  }
}

/** The command line that runs `program` in a session. */
async function line(
  server: Server,
  chooser: Chooser,
  of: vscode.WorkspaceFolder | undefined,
  own: Wish,
  program: string[],
): Promise<[string, ...string[]] | undefined> {
  if (typeof own.config === 'object') throw new Failure('The configuration of a task is the path of a file, not the configuration itself.');
  const file = own.config === undefined ? settings.configuration(of) : path.resolve(of?.uri.fsPath ?? '', own.config);
  const target = await chooser.target(own, file);
  if (target === undefined) return undefined;
  return words(server.program(), wish(own, target === 'configured' ? undefined : target, file), program);
}

// "Run with mirrord": starts a program in a session, from wherever the user is.

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';

import { folder, type Chooser } from './chooser.ts';
import { TYPE } from './launches.ts';
import type { Wish } from './protocol.ts';
import { Failure, tell, type Server } from './server.ts';

/** Argument of the server's code lenses. */
interface OfDocument {
  uri: string;
  target?: string;
}

type Candidate = vscode.QuickPickItem & { launch: vscode.DebugConfiguration };

/** Registers the commands of buttons, menus and code lenses. */
export function commands(server: Server, chooser: Chooser): vscode.Disposable[] {
  const launch = (noDebug: boolean) => async (argument?: vscode.Uri | OfDocument) => {
    try {
      await run(argument, noDebug);
    } catch (error) {
      tell(server.log, error);
    }
  };
  return [
    vscode.commands.registerCommand('mirrord.run', launch(true)),
    vscode.commands.registerCommand('mirrord.debug', launch(false)),
    vscode.commands.registerCommand('mirrord.toggle', () => chooser.toggle()),
    vscode.commands.registerCommand('mirrord.pick', (argument?: OfDocument) =>
      argument?.uri === undefined ? chooser.pick(folder()) : chooser.pickFor(vscode.Uri.parse(argument.uri))),
  ];
}

async function run(argument: vscode.Uri | OfDocument | undefined, noDebug: boolean): Promise<void> {
  const document = argument !== undefined && 'target' in argument || argument !== undefined && typeof (argument as OfDocument).uri === 'string' ? (argument as OfDocument) : undefined;
  const file = document !== undefined ? undefined : ((argument as vscode.Uri | undefined) ?? vscode.window.activeTextEditor?.document.uri);
  const of = document !== undefined ? vscode.workspace.getWorkspaceFolder(vscode.Uri.parse(document.uri)) : file && vscode.workspace.getWorkspaceFolder(file);
  const at = of ?? folder();
  const launch = file === undefined ? await choose(at) : ((await ofFile(file, at)) ?? (await choose(at)));
  if (launch === undefined) return;
  const written: unknown = launch['mirrord'];
  const own: Wish = typeof written === 'object' && written !== null ? written : {};
  // Asked for by the user: a launch that says "mirrord": false runs with it now.
  const mirrord: Wish = { ...own, enabled: true, ...(document === undefined ? {} : { config: vscode.Uri.parse(document.uri).fsPath }), ...(document?.target === undefined ? {} : { target: document.target }) };
  await vscode.debug.startDebugging(at, { ...launch, mirrord }, { noDebug });
}

/** A launch of the folder, the user's choice where there are several. */
async function choose(of: vscode.WorkspaceFolder | undefined): Promise<vscode.DebugConfiguration | undefined> {
  const written = vscode.workspace.getConfiguration('launch', of).get<vscode.DebugConfiguration[]>('configurations', []);
  const candidates: Candidate[] = written.filter(({ request }) => request === 'launch').map((launch) => ({ label: launch.name, description: launch.type, launch }));
  for (const { document } of vscode.window.visibleTextEditors) {
    const launch = await ofFile(document.uri, of);
    if (launch !== undefined) candidates.push({ label: path.basename(document.uri.fsPath), description: 'this file', launch });
  }
  if (candidates.length === 0) {
    throw new Failure(
      'There is no program to run: no launch configuration of this folder starts one, and no Python, JavaScript or Go file is open. ' +
      'Open one, or add a configuration of type "mirrord" to .vscode/launch.json.',
    );
  }
  if (candidates.length === 1) return candidates[0]?.launch;
  return (await vscode.window.showQuickPick(candidates, { title: 'Run with mirrord', placeHolder: 'Which program?' }))?.launch;
}

/** A launch of the program that this file is; nothing for files that are none. */
async function ofFile(file: vscode.Uri, of: vscode.WorkspaceFolder | undefined): Promise<vscode.DebugConfiguration | undefined> {
  if (file.scheme !== 'file') return undefined;
  const name = path.basename(file.fsPath);
  const common = { request: 'launch', name, cwd: of?.uri.fsPath ?? path.dirname(file.fsPath) };
  switch (path.extname(name)) {
    case '.py': {
      // The Python extension brings a debugpy of its own, so that the interpreter needs none.
      if (vscode.extensions.getExtension('ms-python.debugpy') !== undefined) return { ...common, type: 'debugpy', program: file.fsPath };
      const python = await interpreter(of);
      return { ...common, type: TYPE, adapter: 'debugpy', program: file.fsPath, ...(python === undefined ? {} : { python }) };
    }
    case '.go':
      return { ...common, type: TYPE, adapter: 'dlv', mode: name.endsWith('_test.go') ? 'test' : 'debug', program: path.dirname(file.fsPath) };
    case '.js':
    case '.mjs':
    case '.cjs':
      return { ...common, type: 'node', program: file.fsPath };
    default:
      return undefined;
  }
}

/** The interpreter of a folder: what the setting of the Python extension says, or its virtual environment. */
async function interpreter(of: vscode.WorkspaceFolder | undefined): Promise<string | undefined> {
  const setting = vscode.workspace.getConfiguration('python', of).get<string>('defaultInterpreterPath', '');
  if (path.isAbsolute(setting)) return setting;
  return ['.venv', 'venv'].map((name) => path.join(of?.uri.fsPath ?? '/', name, 'bin', 'python')).find((file) => fs.existsSync(file));
}

// Entry point: puts the parts together. Nothing of it waits, and no program is started before it is needed.

import * as vscode from 'vscode';

import { Chooser } from './chooser.ts';
import { Launcher } from './launcher.ts';
import * as run from './run.ts';
import { Server } from './server.ts';
import { Sessions } from './sessions.ts';
import * as terminal from './terminal.ts';

let server: Server | undefined;

/** Called by the editor once it is up, or when a program is debugged before that. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('mirrord', { log: true });
  server = new Server(context.extensionPath, log);
  const chooser = new Chooser(context.workspaceState, server);
  const settings = vscode.workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration('mirrord.statusBar')) chooser.show();
    if (change.affectsConfiguration('mirrord.server.path')) void server?.end(); // what needs it next starts the new one
  });
  context.subscriptions.push(
    log,
    server,
    chooser,
    settings,
    new Sessions(server),
    ...new Launcher(server, chooser).register(),
    ...run.commands(server, chooser),
    ...terminal.register(server, chooser),
  );
}

/** Called when the window closes. */
export async function deactivate(): Promise<void> {
  await server?.end();
}

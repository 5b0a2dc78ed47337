// The settings of this extension, and what follows from them.

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';

import { locate, type Located } from './locate.ts';

/** Names that a configuration may have below `.mirrord`, in the order in which the server looks for them. */
const CONFIGURATIONS = ['json', 'jsonc', 'yaml', 'yml', 'toml'].map((ending) => `mirrord.${ending}`);

function get<T>(key: string, otherwise: T, folder?: vscode.WorkspaceFolder): T {
  return vscode.workspace.getConfiguration('mirrord', folder).get<T | null>(key) ?? otherwise;
}

/** Where the server's program is. */
export function server(extension: string): Located {
  const setting = expand(get('server.path', ''), vscode.workspace.workspaceFolders?.[0]);
  return locate({ setting, extension, searchPath: process.env['PATH'] ?? '', executable });
}

/** Variables that every program of the server gets beside those of this editor. */
export function environment(): Record<string, string> {
  const kubeconfig = get('kubeconfig', '');
  return { ...(kubeconfig === '' ? {} : { KUBECONFIG: kubeconfig }), ...get<Record<string, string>>('env', {}) };
}

/** The configuration of a folder: what the setting names, else the one below `.mirrord`, if there is one. */
export function configuration(folder: vscode.WorkspaceFolder | undefined): string | undefined {
  const setting = expand(get('config', '', folder), folder);
  if (setting !== '') return folder === undefined ? setting : path.resolve(folder.uri.fsPath, setting);
  if (folder === undefined) return undefined;
  return CONFIGURATIONS.map((name) => path.join(folder.uri.fsPath, '.mirrord', name)).find((file) => fs.existsSync(file));
}

/** Debug types that shall run through our debug adapter. */
export function proxied(): string[] {
  return get<string[]>('debug.throughProxy', []);
}

/** Whether the status bar has our button. */
export function statusBar(): boolean {
  return get('statusBar', true);
}

function expand(text: string, folder: vscode.WorkspaceFolder | undefined): string {
  return text.replaceAll('${workspaceFolder}', folder?.uri.fsPath ?? '').replace(/^~(?=\/)/, process.env['HOME'] ?? '~');
}

function executable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false; // not there, or not ours to execute: the search goes on, or says so
  }
}

// The client of the language server: half a megabyte in a file of its own, which is read when the server is first needed.

export { LanguageClient, WorkDoneProgress } from 'vscode-languageclient/node';

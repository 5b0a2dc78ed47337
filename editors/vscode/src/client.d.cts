export { LanguageClient, WorkDoneProgress } from 'vscode-languageclient/node';

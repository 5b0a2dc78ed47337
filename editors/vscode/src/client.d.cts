export * from 'vscode-languageclient/node';

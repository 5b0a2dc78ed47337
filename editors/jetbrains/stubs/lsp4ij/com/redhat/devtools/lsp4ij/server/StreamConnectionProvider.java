package com.redhat.devtools.lsp4ij.server;

/** How to speak to a server. */
public interface StreamConnectionProvider {}

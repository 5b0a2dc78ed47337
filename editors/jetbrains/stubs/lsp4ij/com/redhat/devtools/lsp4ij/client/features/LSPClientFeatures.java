package com.redhat.devtools.lsp4ij.client.features;

/** What the client does with a server. */
public class LSPClientFeatures {
  public boolean keepServerAlive() {
    return false;
  }
}

package com.redhat.devtools.lsp4ij.client;

import com.intellij.openapi.Disposable;
import com.intellij.openapi.project.Project;

/** The client's side. In LSP4IJ it is an LSP4J LanguageClient too. */
public class LanguageClientImpl implements Disposable {
  public LanguageClientImpl(Project project) {}

  public Project getProject() {
    throw new UnsupportedOperationException();
  }

  @Override
  public void dispose() {}
}

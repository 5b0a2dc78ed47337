package com.redhat.devtools.lsp4ij;

import com.intellij.openapi.project.Project;
import com.intellij.openapi.vfs.VirtualFile;
import org.jetbrains.annotations.NotNull;

/** `documentMatcher` of a mapping. */
public abstract class AbstractDocumentMatcher {
  public abstract boolean match(@NotNull VirtualFile file, @NotNull Project project);
}

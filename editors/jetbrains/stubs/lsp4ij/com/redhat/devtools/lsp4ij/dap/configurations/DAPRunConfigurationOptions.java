package com.redhat.devtools.lsp4ij.dap.configurations;

import com.intellij.execution.configurations.RunConfigurationOptions;

/** What the user has filled in. */
public class DAPRunConfigurationOptions extends RunConfigurationOptions {}

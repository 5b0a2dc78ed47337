package com.intellij.execution.configurations;

/** In the platform a Kotlin class, which is not among the sources that are read. */
public class RunConfigurationOptions {}

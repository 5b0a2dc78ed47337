package com.intellij.execution.target.local;

import com.intellij.execution.target.TargetEnvironmentRequest;

/** 2025.1: this machine. */
public class LocalTargetEnvironmentRequest implements TargetEnvironmentRequest {}

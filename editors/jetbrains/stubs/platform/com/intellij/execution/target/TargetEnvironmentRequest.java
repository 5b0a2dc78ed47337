package com.intellij.execution.target;

/** 2025.1: the machine that a program shall run on. */
public interface TargetEnvironmentRequest {}

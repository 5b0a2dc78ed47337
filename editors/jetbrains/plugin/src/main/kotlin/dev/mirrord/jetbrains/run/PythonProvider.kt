package dev.mirrord.jetbrains.run

import com.intellij.execution.ExecutionException
import com.intellij.execution.configurations.RunProfile
import com.intellij.execution.target.TargetEnvironmentRequest
import com.intellij.execution.target.local.LocalTargetEnvironmentRequest
import com.intellij.openapi.project.Project
import com.jetbrains.python.run.PythonExecution
import com.jetbrains.python.run.PythonRunParams
import com.jetbrains.python.run.target.HelpersAwareTargetEnvironmentRequest
import com.jetbrains.python.run.target.PythonCommandLineTargetEnvironmentProvider
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.jetbrains.MirrordSettings

/** Python programs. Consoles of the IDE, which are no run configurations, stay as they are. */
class PythonProvider : PythonCommandLineTargetEnvironmentProvider {
    @Throws(ExecutionException::class)
    override fun extendTargetEnvironment(
        project: Project,
        request: HelpersAwareTargetEnvironmentRequest,
        execution: PythonExecution,
        params: PythonRunParams,
    ) {
        val profile = params as? RunProfile ?: return
        if (!MirrordSettings.of(project).choice.enabled) return
        onlyHere(request.targetEnvironmentRequest)
        val mirrord = MirrordProject.of(project)
        val injection = mirrord.begin(profile.name, params.workingDirectory, params.envs) ?: return
        injection.set.forEach { (name, value) -> execution.addEnvironmentVariable(name, value) }
        removeOwn(execution, injection.unset - injection.set.keys)
        if (params.isPassParentEnvs) tellStaying(project, injection)
    }

    private fun removeOwn(execution: PythonExecution, names: List<String>) {
        val envs = execution.envs.keys as? MutableSet<String> ?: return
        envs.removeAll(names.toSet())
    }
}

/** Fails if a program shall run on another machine, where the session is not. */
@Throws(ExecutionException::class)
internal fun onlyHere(request: TargetEnvironmentRequest) {
    if (request is LocalTargetEnvironmentRequest) return
    throw ExecutionException(
        "mirrord runs programs on this machine, and this run configuration runs them elsewhere. " +
            "Choose a local interpreter, or switch mirrord off.",
    )
}

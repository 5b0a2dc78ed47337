package dev.mirrord.jetbrains.run

import com.intellij.execution.ExecutionException
import com.intellij.execution.configuration.EnvironmentVariablesData
import com.intellij.execution.runners.ExecutionEnvironment
import com.intellij.javascript.nodejs.execution.AbstractNodeTargetRunProfile
import com.intellij.javascript.nodejs.execution.NodeTargetRun
import com.intellij.javascript.nodejs.execution.runConfiguration.AbstractNodeRunConfigurationExtension
import com.intellij.javascript.nodejs.execution.runConfiguration.NodeRunConfigurationLaunchSession
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.logic.Environment
import dev.mirrord.logic.applyTo

/** Programs of Node, and npm scripts. */
class NodeExtension : AbstractNodeRunConfigurationExtension() {
    override fun isApplicableFor(configuration: AbstractNodeTargetRunProfile): Boolean = true

    override fun createLaunchSession(
        configuration: AbstractNodeTargetRunProfile,
        environment: ExecutionEnvironment,
    ): NodeRunConfigurationLaunchSession = Session(configuration)
}

private class Session(private val configuration: AbstractNodeTargetRunProfile) : NodeRunConfigurationLaunchSession() {
    @Throws(ExecutionException::class)
    override fun addNodeOptionsTo(run: NodeTargetRun) {
        val own = run.envData
        val mirrord = MirrordProject.of(configuration.project)
        val injection = mirrord.begin(configuration.name, configuration.project.basePath, own.envs) ?: return
        val environment = injection.applyTo(Environment(own.envs, own.isPassParentEnvs), MirrordProject.inherited())
        run.envData = EnvironmentVariablesData.create(environment.variables, environment.inherits)
    }
}

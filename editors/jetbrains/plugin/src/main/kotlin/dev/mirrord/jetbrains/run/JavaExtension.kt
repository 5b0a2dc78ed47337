package dev.mirrord.jetbrains.run

import com.intellij.execution.ExecutionException
import com.intellij.execution.RunConfigurationExtension
import com.intellij.execution.configurations.JavaParameters
import com.intellij.execution.configurations.RunConfigurationBase
import com.intellij.execution.configurations.RunnerSettings
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.logic.Environment
import dev.mirrord.logic.applyTo

/** Programs of the Java virtual machine. */
class JavaExtension : RunConfigurationExtension() {
    override fun isApplicableFor(configuration: RunConfigurationBase<*>): Boolean = true

    @Throws(ExecutionException::class)
    override fun <T : RunConfigurationBase<*>> updateJavaParameters(
        configuration: T,
        params: JavaParameters,
        runnerSettings: RunnerSettings?,
    ) {
        val mirrord = MirrordProject.of(configuration.project)
        val injection = mirrord.begin(configuration.name, params.workingDirectory, params.env) ?: return
        val environment = injection.applyTo(Environment(params.env, params.isPassParentEnvs), MirrordProject.inherited())
        params.env = environment.variables
        params.isPassParentEnvs = environment.inherits
    }
}

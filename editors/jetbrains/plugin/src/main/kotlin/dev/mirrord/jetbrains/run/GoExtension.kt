package dev.mirrord.jetbrains.run

import com.goide.execution.GoRunConfigurationBase
import com.goide.execution.GoRunningState
import com.goide.execution.extension.GoRunConfigurationExtension
import com.intellij.execution.ExecutionException
import com.intellij.execution.configurations.RunnerSettings
import com.intellij.execution.target.TargetedCommandLineBuilder
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.jetbrains.MirrordSettings
import dev.mirrord.logic.prefix

/** Go programs, and Delve with them: they see the pod only behind the launcher, since they load no library. */
class GoExtension : GoRunConfigurationExtension() {
    override fun isApplicableFor(configuration: GoRunConfigurationBase<*>): Boolean = true

    override fun isEnabledFor(configuration: GoRunConfigurationBase<*>, runnerSettings: RunnerSettings?): Boolean = true

    @Throws(ExecutionException::class)
    override fun patchCommandLine(
        configuration: GoRunConfigurationBase<*>,
        runnerSettings: RunnerSettings?,
        line: TargetedCommandLineBuilder,
        runner: String,
        state: GoRunningState<out GoRunConfigurationBase<*>>,
        type: GoRunningState.CommandLineType,
    ) {
        if (type != GoRunningState.CommandLineType.RUN || !MirrordSettings.of(configuration.project).choice.enabled) return
        onlyHere(line.request)
        val mirrord = MirrordProject.of(configuration.project)
        val injection = mirrord.begin(configuration.name, configuration.workingDirectory, configuration.customEnvironment) ?: return
        injection.unset.forEach(line::removeEnvironmentVariable)
        injection.set.forEach { (name, value) -> line.addEnvironmentVariable(name, value) }
        val words = injection.prefix(MirrordProject.inherited())
        if (words.isEmpty()) return
        line.addParameterAt(0, line.exePath)
        words.drop(1).forEachIndexed { index, word -> line.addParameterAt(index, word) }
        line.setExePath(words.first())
    }
}

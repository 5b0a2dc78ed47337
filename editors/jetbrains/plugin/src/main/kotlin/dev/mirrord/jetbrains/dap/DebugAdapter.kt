/** The debug adapter, as LSP4IJ's run configuration "Debug Adapter Protocol" runs it. */
package dev.mirrord.jetbrains.dap

import com.intellij.execution.ExecutionException
import com.intellij.execution.process.ProcessHandler
import com.intellij.execution.runners.ExecutionEnvironment
import com.redhat.devtools.lsp4ij.dap.DebugMode
import com.redhat.devtools.lsp4ij.dap.LaunchConfiguration
import com.redhat.devtools.lsp4ij.dap.configurations.DAPRunConfigurationOptions
import com.redhat.devtools.lsp4ij.dap.definitions.DebugAdapterServerDefinition
import com.redhat.devtools.lsp4ij.dap.descriptors.DebugAdapterDescriptor
import com.redhat.devtools.lsp4ij.dap.descriptors.DebugAdapterDescriptorFactory
import com.redhat.devtools.lsp4ij.dap.descriptors.DefaultDebugAdapterDescriptor
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.jetbrains.MirrordSettings
import dev.mirrord.logic.ADAPTERS
import dev.mirrord.logic.DEBUG_COMMAND
import dev.mirrord.logic.ServerNotFound
import dev.mirrord.logic.launchTemplate
import dev.mirrord.logic.withChoice

/** What `plugin.xml` names. */
class MirrordAdapterFactory : DebugAdapterDescriptorFactory() {
    override fun createDebugAdapterDescriptor(
        options: DAPRunConfigurationOptions,
        environment: ExecutionEnvironment,
    ): DebugAdapterDescriptor = MirrordAdapter(options, environment, serverDefinition)

    override fun getLaunchConfigurations(): List<LaunchConfiguration> =
        ADAPTERS.map { LaunchConfiguration("mirrord.$it", "mirrord with $it", launchTemplate(it), DebugMode.LAUNCH) }
}

private class MirrordAdapter(
    options: DAPRunConfigurationOptions,
    private val environment: ExecutionEnvironment,
    definition: DebugAdapterServerDefinition,
) : DefaultDebugAdapterDescriptor(options, environment, definition) {
    @Throws(ExecutionException::class)
    override fun startServer(): ProcessHandler = try {
        startServer(MirrordProject.of(environment.project).command(*DEBUG_COMMAND.toTypedArray()))
    } catch (failure: ServerNotFound) {
        throw ExecutionException(failure.message, failure)
    }

    override fun getDapParameters(): Map<String, Any?> =
        withChoice(super.getDapParameters(), MirrordSettings.of(environment.project).choice)
}

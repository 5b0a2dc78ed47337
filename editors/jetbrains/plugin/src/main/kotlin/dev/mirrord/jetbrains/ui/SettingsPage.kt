package dev.mirrord.jetbrains.ui

import com.intellij.openapi.options.Configurable
import com.intellij.openapi.project.Project
import com.intellij.ui.components.JBLabel
import com.intellij.ui.components.JBTextField
import com.redhat.devtools.lsp4ij.LanguageServerManager
import dev.mirrord.jetbrains.MirrordSettings
import dev.mirrord.logic.SERVER_ID
import java.awt.BorderLayout
import java.awt.GridLayout
import javax.swing.JComponent
import javax.swing.JPanel

/** Settings | Tools | mirrord. */
class SettingsPage(private val project: Project) : Configurable {
    private val settings = MirrordSettings.of(project)
    private val server = JBTextField()
    private val kubeconfig = JBTextField()

    override fun getDisplayName(): String = "mirrord"

    override fun createComponent(): JComponent = JPanel(BorderLayout()).apply {
        val fields = JPanel(GridLayout(0, 1, 0, 4))
        fields.add(JBLabel("Program mirrord-ide-server (empty: the one of the plugin, or on the PATH):"))
        fields.add(server)
        fields.add(JBLabel("Kubeconfig (empty: KUBECONFIG, or ~/.kube/config):"))
        fields.add(kubeconfig)
        fields.add(JBLabel("A change ends the sessions of this project."))
        add(fields, BorderLayout.NORTH)
    }

    override fun isModified(): Boolean = server.text != settings.server || kubeconfig.text != settings.kubeconfig

    override fun apply() {
        settings.server = server.text
        settings.kubeconfig = kubeconfig.text
        // It starts again, as set now, when it is asked for the next time.
        LanguageServerManager.getInstance(project).stop(SERVER_ID, LanguageServerManager.StopOptions().setWillDisable(false))
    }

    override fun reset() {
        server.text = settings.server
        kubeconfig.text = settings.kubeconfig
    }
}

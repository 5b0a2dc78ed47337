/** The language server, as LSP4IJ runs it. */
package dev.mirrord.jetbrains.lsp

import com.intellij.openapi.project.Project
import com.intellij.openapi.vfs.VirtualFile
import com.redhat.devtools.lsp4ij.AbstractDocumentMatcher
import com.redhat.devtools.lsp4ij.LanguageServerFactory
import com.redhat.devtools.lsp4ij.client.LanguageClientImpl
import com.redhat.devtools.lsp4ij.client.features.LSPClientFeatures
import com.redhat.devtools.lsp4ij.server.OSProcessStreamConnectionProvider
import com.redhat.devtools.lsp4ij.server.StreamConnectionProvider
import dev.mirrord.jetbrains.MirrordProject
import dev.mirrord.logic.Event
import dev.mirrord.logic.MirrordNotices
import dev.mirrord.logic.MirrordServer
import dev.mirrord.logic.Place
import dev.mirrord.logic.isConfiguration
import org.eclipse.lsp4j.services.LanguageServer

/** What `plugin.xml` names. */
class MirrordServerFactory : LanguageServerFactory {
    override fun createConnectionProvider(project: Project): StreamConnectionProvider = Connection(MirrordProject.of(project))

    override fun createLanguageClient(project: Project): LanguageClientImpl = MirrordClient(project)

    override fun getServerInterface(): Class<out LanguageServer> = MirrordServer::class.java

    override fun createClientFeatures(): LSPClientFeatures = Features()
}

private class Connection(mirrord: MirrordProject) : OSProcessStreamConnectionProvider(mirrord.command())

private class Features : LSPClientFeatures() {
    /** Sessions end with the server; a user who closes a file does not mean that. */
    override fun keepServerAlive(): Boolean = true
}

/** Hears what the server tells by itself. */
class MirrordClient(project: Project) : LanguageClientImpl(project), MirrordNotices {
    override fun event(event: Event): Unit = MirrordProject.of(project).receive(event)

    override fun targetsChanged(place: Place): Unit = MirrordProject.of(project).targetsChanged(place)
}

/** Which files the server is told of. */
class ConfigurationMatcher : AbstractDocumentMatcher() {
    override fun match(file: VirtualFile, project: Project): Boolean = isConfiguration(file.path)
}

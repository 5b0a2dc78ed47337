package dev.mirrord.jetbrains

import com.intellij.openapi.components.PersistentStateComponent
import com.intellij.openapi.components.State
import com.intellij.openapi.components.Storage
import com.intellij.openapi.components.StoragePathMacros
import com.intellij.openapi.project.Project
import dev.mirrord.logic.Choice
import dev.mirrord.logic.Chosen

/** What a project remembers. It is the user's, not the team's: it is not in a file that is committed. */
@State(name = "mirrord", storages = [Storage(StoragePathMacros.WORKSPACE_FILE)])
class MirrordSettings : PersistentStateComponent<MirrordSettings.Stored> {
    /** A target, as it is stored. */
    class StoredTarget {
        @JvmField var path: String = ""
        @JvmField var namespace: String? = null
        @JvmField var context: String? = null
    }

    /** As it is stored: fields that the platform reads and writes by name. */
    class Stored {
        @JvmField var enabled: Boolean = false
        @JvmField var server: String = ""
        @JvmField var kubeconfig: String = ""
        @JvmField var config: String? = null
        @JvmField var chosen: StoredTarget? = null
        @JvmField var recent: MutableList<StoredTarget> = ArrayList()
    }

    private var stored = Stored()

    override fun getState(): Stored = stored

    override fun loadState(state: Stored) {
        stored = state
    }

    /** Path of the server, empty for the one that is found. */
    var server: String
        get() = stored.server
        set(value) { stored.server = value }

    /** Path of the kubeconfig, empty for the usual one. */
    var kubeconfig: String
        get() = stored.kubeconfig
        set(value) { stored.kubeconfig = value }

    /** What the user has chosen. */
    var choice: Choice
        get() = Choice(stored.enabled, stored.chosen?.let(::read), stored.config, stored.recent.map(::read))
        set(value) {
            stored.enabled = value.enabled
            stored.chosen = value.chosen?.let(::write)
            stored.config = value.config
            stored.recent = value.recent.mapTo(ArrayList(), ::write)
        }

    private fun read(target: StoredTarget) = Chosen(target.path, target.namespace, target.context)

    private fun write(target: Chosen) = StoredTarget().apply {
        path = target.path
        namespace = target.namespace
        context = target.context
    }

    companion object {
        /** Those of a project. */
        fun of(project: Project): MirrordSettings = project.getService(MirrordSettings::class.java)
    }
}

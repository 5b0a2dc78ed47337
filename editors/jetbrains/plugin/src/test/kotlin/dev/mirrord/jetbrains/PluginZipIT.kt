package dev.mirrord.jetbrains

import com.jetbrains.plugin.structure.base.plugin.PluginCreationFail
import com.jetbrains.plugin.structure.base.plugin.PluginCreationSuccess
import com.jetbrains.plugin.structure.intellij.plugin.IdePlugin
import com.jetbrains.plugin.structure.intellij.plugin.IdePluginManager
import java.nio.file.Files
import java.nio.file.Path
import java.util.zip.ZipEntry
import java.util.zip.ZipFile
import java.util.zip.ZipOutputStream
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** The zip, read as the marketplace reads it. */
class PluginZipIT {
    private val zip = Path.of(System.getProperty("plugin.zip"))

    @Test
    fun `the marketplace's own reader takes it without a warning`() {
        val result = IdePluginManager.createManager().createPlugin(zip)
        if (result is PluginCreationFail<IdePlugin>) error("not a plugin: ${result.errorsAndWarnings}")
        val success = result as PluginCreationSuccess<IdePlugin>
        assertEquals("dev.mirrord.jetbrains", success.plugin.pluginId)
        assertEquals(emptyList<Any>(), success.warnings)
        val needed = success.plugin.dependencies.filterNot { it.isOptional }.map { it.id }
        assertEquals(listOf("com.intellij.modules.platform", "com.redhat.devtools.lsp4ij"), needed)
        assertEquals(4, success.plugin.optionalDescriptors.size)
    }

    @Test
    fun `the reader refuses a zip without a descriptor`(@TempDir folder: Path) {
        val empty = Files.createFile(folder.resolve("mirrord.zip"))
        ZipOutputStream(Files.newOutputStream(empty)).use { it.putNextEntry(ZipEntry("mirrord/lib/nothing.txt")) }
        assertTrue(IdePluginManager.createManager().createPlugin(empty) is PluginCreationFail<IdePlugin>)
    }

    @Test
    fun `every class that a descriptor names is there, and nothing that the IDE brings`(@TempDir folder: Path) {
        val entries = ArrayList<String>()
        val named = ArrayList<String>()
        ZipFile(zip.toFile()).use { outer ->
            val jars = outer.entries().toList().filter { it.name.endsWith(".jar") }
            assertEquals(listOf("mirrord/lib/logic-0.1.0.jar", "mirrord/lib/plugin-0.1.0.jar"), jars.map { it.name }.sorted())
            jars.forEachIndexed { index, jar ->
                val copy = folder.resolve("$index.jar")
                outer.getInputStream(jar).use { Files.copy(it, copy) }
                ZipFile(copy.toFile()).use { inner -> inner.entries().toList().forEach { entry ->
                    entries += entry.name
                    if (entry.name.endsWith(".xml")) named += classes(inner.getInputStream(entry).readBytes().decodeToString())
                } }
            }
        }
        val present = entries.filter { it.endsWith(".class") }.map { it.removeSuffix(".class").replace('/', '.') }
        assertTrue(named.size > 15, named.toString())
        val server = ZipFile(zip.toFile()).use { it.getEntry("mirrord/bin/mirrord-ide-server") }
        assertTrue(server != null, "the server is not in the zip")
        assertEquals(emptyList<String>(), named - present.toSet())
        assertEquals(emptyList<String>(), present.filterNot { it.startsWith("dev.mirrord.") })
    }

    private fun classes(descriptor: String) = Regex("\"(dev\\.mirrord\\.[a-z.]+\\.[A-Z]\\w+|dev\\.mirrord\\.jetbrains\\.Mirrord\\w+)\"")
        .findAll(descriptor).map { it.groupValues[1] }.toList()
}

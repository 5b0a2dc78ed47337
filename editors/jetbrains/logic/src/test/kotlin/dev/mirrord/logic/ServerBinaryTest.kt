package dev.mirrord.logic

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions.fromString
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

class ServerBinaryTest {
    @TempDir
    lateinit var root: Path

    private fun program(folder: String, mode: String = "rwxr-xr-x"): Path {
        val path = Files.createDirectories(root.resolve(folder)).resolve(SERVER_PROGRAM)
        return Files.setPosixFilePermissions(Files.createFile(path), fromString(mode))
    }

    private fun here(setting: String? = null, path: String? = null) =
        Surroundings(setting, root.resolve("plugin"), path, root.resolve("home"))

    @Test
    fun `what is set beats the plugin's, which beats the path, which beats the usual folders`() {
        val usual = program("home/.local/bin")
        assertEquals(usual, findServer(here()))
        program("one", "rw-r--r--")
        val two = program("two")
        assertEquals(two, findServer(here(path = "${root}/one:${root}/two")))
        val brought = program("plugin/bin")
        assertEquals(brought, findServer(here(path = "${root}/two")))
        assertEquals(two, findServer(here(setting = " $two ")))
        assertEquals(usual, findServer(here(setting = "~/.local/bin/$SERVER_PROGRAM")))
    }

    @Test
    fun `a setting that is wrong is told, and nothing else is taken`() {
        program("plugin/bin")
        val locked = program("locked", "rw-r--r--")
        val cases = mapOf(
            "bin/server" to "is not an absolute path", "$root/none" to "does not exist", "$locked" to "may run", "$root" to "may run",
        )
        for ((setting, why) in cases) {
            val message = assertThrows(ServerNotFound::class.java) { findServer(here(setting)) }.message!!
            assertTrue(why in message && "Settings" in message, message)
        }
    }

    @Test
    fun `a server that is nowhere is told with all places`() {
        val nowhere = here(path = "/nowhere:relative").copy(besides = listOf(root.resolve("besides")))
        val message = assertThrows(ServerNotFound::class.java) { findServer(nowhere) }.message!!
        assertTrue("$root/plugin/bin, /nowhere, $root/besides" in message, message)
    }
}

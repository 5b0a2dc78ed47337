//! Names of variables that a program on another machine is better off without, and the patterns that name them.

/// Variables that describe the target's machine, not its configuration: patterns. Not imported, whoever has set them.
pub const EXCLUDED: &[&str] = &[
    "PATH",
    "PWD",
    "HOME",
    "HOMEPATH",
    "CLASSPATH",
    "JAVA_EXE",
    "JAVA_HOME",
    "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS",
    "PYTHONPATH",
    "GOPATH",
    "GOMODCACHE",
    "RUBYLIB",
    "RUBYOPT",
    "GEM_HOME",
    "GEM_PATH",
    "BUNDLE_*",
    "BUNDLER_*",
    "CATALINA_HOME",
    "DOTNET_EnableDiagnostics",
    "DOTNET_STARTUP_HOOKS",
    "RUST_LOG",
    "MIRRORD_*",
];

/// Variables that would make the local runtime load files that only the target has: patterns. Not imported, whoever has
/// set them.
pub const EXCLUDED_LOADERS: &[&str] = &[
    "LD_*",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PERL5LIB",
    "PERL5OPT",
    "JDK_JAVA_OPTIONS",
    "CORECLR_*",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "BASH_ENV",
];

/// What images bake in about themselves, and what shells and container runtimes leave behind: patterns.
///
/// Not imported unless the pod's specification sets them. That an image sets a variable is no reason by itself to leave
/// it: `NODE_ENV` of a Dockerfile, or what an entry point reads from a vault, is configuration that the program needs,
/// and neither stands in the specification. So this list names what can only be wrong elsewhere: the versions and
/// checksums of the image's own parts, the folders where it keeps them, its locale, and its terminal. Most are those of
/// the official images (<https://github.com/docker-library/official-images>).
pub const PLUMBING: &[&str] = &[
    // shells, terminals, users of the image
    "_",
    "OLDPWD",
    "SHELL",
    "SHLVL",
    "TERM",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_*",
    "DEBIAN_FRONTEND",
    "container",
    // locale: which ones are installed differs from machine to machine
    "LANG",
    "LANGUAGE",
    "LC_*",
    // keys and checksums that the image was built with
    "GPG_KEY",
    "GPG_KEYS",
    "*_DOWNLOAD_URL",
    "*_DOWNLOAD_SHA*",
    // Python
    "PYTHON_VERSION",
    "PYTHON_SHA256",
    "PYTHON_PIP_VERSION",
    "PYTHON_SETUPTOOLS_VERSION",
    "PYTHON_GET_PIP_*",
    "VIRTUAL_ENV",
    "CONDA_*",
    "POETRY_HOME",
    "POETRY_VERSION",
    // Node.js
    "NODE_VERSION",
    "NODEJS_VERSION",
    "YARN_VERSION",
    "NPM_CONFIG_PREFIX",
    "NPM_CONFIG_CACHE",
    "NVM_*",
    "PNPM_HOME",
    "COREPACK_HOME",
    "BUN_INSTALL*",
    "DENO_DIR",
    // JVM
    "JAVA_VERSION",
    "JAVA_BASE_URL",
    "JAVA_URL_VERSION",
    "JRE_HOME",
    "JDK_HOME",
    "MAVEN_HOME",
    "MAVEN_CONFIG",
    "MAVEN_VERSION",
    "GRADLE_HOME",
    "GRADLE_USER_HOME",
    "GRADLE_VERSION",
    "CATALINA_BASE",
    "CATALINA_TMPDIR",
    "TOMCAT_MAJOR",
    "TOMCAT_VERSION",
    "TOMCAT_SHA512",
    "TOMCAT_NATIVE_LIBDIR",
    "JETTY_HOME",
    "JETTY_VERSION",
    // Go, Rust, C
    "GOLANG_VERSION",
    "GOROOT",
    "GOTOOLCHAIN",
    "GOCACHE",
    "RUST_VERSION",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HOME",
    "LIBRARY_PATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "PKG_CONFIG_PATH",
    // Ruby, PHP, Perl, Erlang
    "RUBY_VERSION",
    "RUBY_MAJOR",
    "RUBYGEMS_VERSION",
    "PHP_VERSION",
    "PHP_URL",
    "PHP_ASC_URL",
    "PHP_SHA256",
    "PHP_MD5",
    "PHP_INI_DIR",
    "PHP_CFLAGS",
    "PHP_CPPFLAGS",
    "PHP_LDFLAGS",
    "PHPIZE_DEPS",
    "APACHE_CONFDIR",
    "APACHE_ENVVARS",
    "OTP_VERSION",
    "REBAR_VERSION",
    "REBAR3_VERSION",
    "ELIXIR_VERSION",
    // .NET
    "DOTNET_VERSION",
    "DOTNET_SDK_VERSION",
    "DOTNET_ROOT",
    "DOTNET_NOLOGO",
    "DOTNET_RUNNING_IN_CONTAINER",
    "DOTNET_USE_POLLING_FILE_WATCHER",
    "DOTNET_GENERATE_ASPNET_CERTIFICATE",
    "ASPNET_VERSION",
    "NUGET_XMLDOC_MODE",
    "POWERSHELL_DISTRIBUTION_CHANNEL",
    // servers, Red Hat's builder images, GPUs
    "NGINX_VERSION",
    "NJS_VERSION",
    "NJS_RELEASE",
    "PKG_RELEASE",
    "DYNPKG_RELEASE",
    "GOSU_VERSION",
    "STI_SCRIPTS_PATH",
    "STI_SCRIPTS_URL",
    "CNB_*",
    "CUDA_VERSION",
    "NCCL_VERSION",
    "NV_*",
    "NVARCH",
    "NVIDIA_*",
];

/// The pattern of ours that keeps `name` away whoever has set it.
pub fn excluded(name: &str) -> Option<&'static str> {
    find(EXCLUDED, name).or_else(|| find(EXCLUDED_LOADERS, name))
}

/// The pattern of ours by which `name` belongs to an image rather than to what runs in it.
pub fn plumbing(name: &str) -> Option<&'static str> {
    find(PLUMBING, name)
}

fn find(patterns: &[&'static str], name: &str) -> Option<&'static str> {
    patterns.iter().copied().find(|pattern| matches(pattern, name))
}

/// Whether `pattern`, where `*` stands for any characters and `?` for one, is all of `name`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to resume when the characters after the last `*` do not fit: the star, and how much of the name it has
    // eaten.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, eaten)) = star else { return false };
                star = Some((at, eaten + 1));
                p = at + 1;
                n = eaten + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("A*", "ABC", true),
            ("*", "", true),
            ("A*C*E", "ABCDE", true),
            ("A*C*E", "ABCDEF", false),
            ("A?C", "ABC", true),
            ("A?", "A", false),
            ("abc", "ABC", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn configuration_is_not_taken_for_plumbing() {
        for name in [
            "NODE_ENV",
            "RAILS_ENV",
            "PORT",
            "APP_VERSION",
            "API_URL",
            "TZ",
            "SPRING_PROFILES_ACTIVE",
            "PYTHONUNBUFFERED",
            "ASPNETCORE_URLS",
            "SSL_CERT_FILE",
            "HOSTNAME",
            "KUBERNETES_SERVICE_HOST",
            "PGDATABASE",
            "LANGFUSE_HOST",
        ] {
            assert_eq!((excluded(name), plumbing(name)), (None, None), "{name}");
        }
    }
}

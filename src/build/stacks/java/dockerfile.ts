import type { ImageReference } from '../../../core/names.ts'
import { addUser, apt, aptMounts, cached, pack, plainPath, take } from '../generated.ts'
import type { Project } from './project.ts'

/** The whole app: the jars that it depends on are a layer of their own, the same for the same versions, and its classes another. */
export function javaDockerfile(project: Project, start: readonly string[] | null, base: ImageReference): string {
  const { version, program, hasWrapper } = project
  const tools = program === 'maven' ? ['maven'] : hasWrapper ? [] : ['gradle']
  return [
    `FROM ${base} AS java`,
    `RUN ${aptMounts} ${manuals} && ${apt([`openjdk-${version}-jre-headless`])} && ${addUser}`,
    `COPY --chmod=755 <<'EOF' /usr/local/bin/start-java`,
    starter,
    'EOF',
    '',
    `FROM ${base} AS build`,
    `RUN ${aptMounts} ${manuals} && ${apt([`openjdk-${version}-jdk-headless`, 'git', 'unzip', ...tools])}`,
    `COPY <<'EOF' /tmp/Trust.java`,
    trust,
    'EOF',
    // The folder is named after the processor.
    `RUN ln -s /usr/lib/jvm/java-${version}-openjdk-* /usr/lib/jvm/java && /usr/lib/jvm/java/bin/java /tmp/Trust.java`,
    'ENV JAVA_HOME=/usr/lib/jvm/java',
    'WORKDIR /app',
    'COPY . .',
    build(project),
    ...(start === null
      ? [pack('code', '--exclude=./.gradle --exclude=./.mvn .')]
      : [`RUN ${explode(program)}`, pack('jars', '-C /made/jars .'), pack('code', '-C /made/code .')]),
    '',
    'FROM java',
    'COPY --from=build /etc/ssl/certs/java/cacerts /etc/ssl/certs/java/cacerts',
    ...(start === null ? [] : [take('jars')]),
    take('code'),
    'WORKDIR /app',
    `ENV PATH=${plainPath}`,
    'USER app',
    ...(start ? [`CMD ${JSON.stringify(start)}`] : []),
    '',
  ].join('\n')
}

/** The package fails where there is no folder for its manual. */
const manuals = 'mkdir -p /usr/share/man/man1'

function build({ program, hasWrapper }: Project): string {
  if (program === 'maven')
    return `RUN ${cached('/root/.m2')} mvn --batch-mode --no-transfer-progress -DskipTests package`
  const gradle = hasWrapper ? 'sh ./gradlew' : 'gradle'
  return `RUN ${cached('/root/.gradle')} ${gradle} --no-daemon --console=plain assemble`
}

/**
 * The one jar that can be started, taken apart: what it depends on, and the rest. A jar as Spring Boot makes it has jars
 * within; Quarkus and `application` of Gradle put them beside it.
 */
function explode(program: Project['program']): string {
  const folder = program === 'maven' ? 'target' : 'build'
  const found = `find . -path '*/${folder}/*' -name '*.jar' ! -name '*-sources.jar' ! -name '*-javadoc.jar' ! -name '*-tests.jar' ! -name 'original-*' ! -name '*-plain.jar'`
  return [
    'mkdir -p /made/jars /made/code',
    `for jar in $(${found} -path '*/quarkus-app/quarkus-run.jar'); do cp -R "$(dirname "$jar")"/. /made/code && mkdir -p /made/jars/lib && mv /made/code/lib /made/jars/ && exit; done`,
    `for jar in $(${found} ! -path '*/lib/*' ! -path '*/quarkus-app/*'); do if unzip -p "$jar" META-INF/MANIFEST.MF 2>/dev/null | grep -q '^Main-Class:'; then cd /made/code && $JAVA_HOME/bin/jar --extract --file="/app/$jar"; if [ -d BOOT-INF/lib ]; then mkdir -p /made/jars/BOOT-INF && mv BOOT-INF/lib /made/jars/BOOT-INF/; fi; for beside in /app/$(dirname "$jar")/lib /app/$(dirname "$jar")/dependency; do if [ -d "$beside" ]; then mkdir -p /made/jars/lib && cp "$beside"/*.jar /made/jars/lib/; fi; done; exit; fi; done`,
    `echo "the build made no jar with a Main-Class in ${folder}/" >&2; exit 1`,
  ].join('; ')
}

/** Frameworks have names of their own for the port. */
const starter = `#!/bin/sh
# start-java: the app in /app, with its jars beside it. JAVA_OPTS are the JVM's.
set -eu
export SERVER_PORT="\${SERVER_PORT:-$PORT}" QUARKUS_HTTP_PORT="\${QUARKUS_HTTP_PORT:-$PORT}" MICRONAUT_SERVER_PORT="\${MICRONAUT_SERVER_PORT:-$PORT}"
memory='-XX:MaxRAMPercentage=70 -XX:+ExitOnOutOfMemoryError'
[ ! -e /app/quarkus-run.jar ] || exec java $memory \${JAVA_OPTS:-} -Dquarkus.http.host=0.0.0.0 -jar /app/quarkus-run.jar
main=$(tr -d '\\r' </app/META-INF/MANIFEST.MF | sed -n 's/^Main-Class: *//p')
exec java $memory \${JAVA_OPTS:-} -cp '/app:/app/lib/*' "$main"`

/** Java reads no list of authorities that OpenSSL reads: this machine's becomes one of its own. */
const trust = `import java.io.*;
import java.security.KeyStore;
import java.security.cert.*;

class Trust {
  public static void main(String[] arguments) throws Exception {
    // Of this kind, because it is read without its password.
    KeyStore store = KeyStore.getInstance("JKS");
    store.load(null, null);
    int number = 0;
    try (InputStream in = new FileInputStream("/etc/ssl/certs/ca-certificates.crt")) {
      for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(in))
        store.setCertificateEntry("authority" + number++, one);
    }
    new File("/etc/ssl/certs/java").mkdirs();
    try (OutputStream out = new FileOutputStream("/etc/ssl/certs/java/cacerts")) {
      store.store(out, "changeit".toCharArray());
    }
  }
}`

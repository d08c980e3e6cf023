import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle
import Settings
import Synchronization
import UnixSignals

/// The certificate of the HTTPS server. It is read again on SIGHUP; connections that are open keep the one they have.
final class Certificates: Service {
    struct Files: Hashable, Sendable {
        let chain: String
        let key: String
    }

    private struct Loaded: Sendable {
        let chain: [NIOSSLCertificateSource]
        let key: NIOSSLPrivateKeySource
    }

    private let files: Files
    private let loaded: Mutex<Loaded>
    private let logger: Logger

    /// - Throws: ``SettingError`` if the files can't be used.
    init(_ files: Files, logger: Logger) throws(SettingError) {
        self.files = files
        self.logger = logger
        loaded = Mutex(try Self.load(files))
    }

    /// The configuration of the server. Each handshake uses the certificate that was loaded last.
    func configuration() -> TLSConfiguration {
        let now = loaded.withLock { $0 }
        var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: now.chain, privateKey: now.key)
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        configuration.sslContextCallback = { [self] _, promise in
            let now = loaded.withLock { $0 }
            var changes = NIOSSLContextConfigurationOverride()
            changes.certificateChain = now.chain
            changes.privateKey = now.key
            promise.succeed(changes)
        }
        return configuration
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) { self.reload() }
        }
    }

    private func reload() {
        do throws(SettingError) {
            let new = try Self.load(files)
            loaded.withLock { $0 = new }
            logger.info("certificate read again", metadata: ["tls.file": "\(files.chain)"])
        } catch {
            logger.error("the certificate can't be read; the last one stays in use", metadata: ["error": "\(error)"])
        }
    }

    /// Reads the files, and makes sure that the key belongs to the certificate.
    private static func load(_ files: Files) throws(SettingError) -> Loaded {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(files.chain)
        } catch {
            throw SettingError(
                description: "CLAIMS_TLS_CERT must be a PEM file with certificates, not \"\(files.chain)\"")
        }
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        } catch {
            throw SettingError(
                description: "CLAIMS_TLS_KEY must be a PEM file with a private key, not \"\(files.key)\"")
        }
        let loaded = Loaded(chain: chain.map { .certificate($0) }, key: .privateKey(key))
        do {
            _ = try NIOSSLContext(
                configuration: .makeServerConfiguration(certificateChain: loaded.chain, privateKey: loaded.key))
        } catch {
            throw SettingError(description: "CLAIMS_TLS_KEY is not the key of the certificate in CLAIMS_TLS_CERT")
        }
        return loaded
    }
}

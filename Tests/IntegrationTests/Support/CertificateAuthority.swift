import Foundation
import Testing

/// A certificate authority of a test, with certificates for this machine and for clients.
struct CertificateAuthority {
    let scratch: Scratch
    /// The PEM file that a client trusts.
    var certificate: String { "\(scratch.path)/ca.pem" }

    struct Pair {
        let certificate: String
        let key: String
    }

    init() async throws {
        scratch = try Scratch()
        try await openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
            "\(scratch.path)/ca.key", "-out", certificate, "-subj", "/CN=Test CA \(UUID().uuidString)")
    }

    /// Makes a certificate.
    ///
    /// - Parameter names: the subject's alternative names.
    func pair(_ name: String, names: String = "IP:127.0.0.1,DNS:localhost") async throws -> Pair {
        let base = "\(scratch.path)/\(name)"
        let extensions = try scratch.write("\(name).ext", Data("subjectAltName=\(names)\n".utf8))
        try await openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "\(base).key", "-out",
            "\(base).csr", "-subj", "/CN=\(name)")
        try await openssl(
            "x509", "-req", "-in", "\(base).csr", "-CA", certificate, "-CAkey", "\(scratch.path)/ca.key",
            "-CAcreateserial", "-days", "2", "-out", "\(base).pem", "-extfile", extensions)
        return Pair(certificate: "\(base).pem", key: "\(base).key")
    }

    private func openssl(_ arguments: String...) async throws {
        let result = try await Program.run("/usr/bin/openssl", arguments)
        try #require(result.code == 0, "\(result)")
    }
}

/// A TLS server in front of a server without TLS, for the clients of RabbitMQ and PostgreSQL.
final class TLSProxy: Sendable {
    private let process: Foundation.Process
    private let scratch: Scratch
    let port: Int

    /// - Parameters:
    ///   - clients: the authority of client certificates; nil if clients need none.
    ///   - isPostgres: whether clients ask for TLS in PostgreSQL's protocol.
    init(
        port: Int, to target: Int, _ pair: CertificateAuthority.Pair, clients: String? = nil, isPostgres: Bool = false
    ) async throws {
        self.port = port
        scratch = try Scratch()
        let script = try scratch.write("proxy.py", Data(Self.script.utf8))
        process = Foundation.Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", script, String(port), String(target), pair.certificate, pair.key, clients ?? "",
            isPostgres ? "postgres" : "",
        ]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try await eventually("the TLS proxy") {
            try await Program.run("/usr/bin/env", ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/\(port)"]).code == 0
        }
    }

    deinit {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static let script = """
        import socket, ssl, sys, threading
        port, target, cert, key, clients, kind = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:7]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if clients:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_REQUIRED

        def pump(source, sink):
            try:
                while data := source.recv(65536): sink.sendall(data)
            except OSError: pass
            for end in (source, sink):
                try: end.shutdown(socket.SHUT_RDWR)
                except OSError: pass

        def serve(client):
            try:
                if kind == 'postgres':
                    client.recv(8, socket.MSG_WAITALL)
                    client.sendall(b'S')
                client = context.wrap_socket(client, server_side=True)
                server = socket.create_connection(('127.0.0.1', target))
            except OSError:
                client.close()
                return
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)

        listener = socket.create_server(('127.0.0.1', port), reuse_port=False)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """
}

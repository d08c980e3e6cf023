import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Settings

/// Sends requests to ClaimAPI.
struct APIClient {
    static let url = Setting(
        "CLAIMS_URL", defaultValue: "http://127.0.0.1:8080", help: "base URL of ClaimAPI, for claimctl claim")

    private let base: String

    init(_ reader: SettingReader) throws(SettingError) {
        base = try reader.value(Self.url, mustBe: "an http or https URL") { text in
            text.hasPrefix("http://") || text.hasPrefix("https://") ? text : nil
        }
    }

    struct Answer {
        let status: Int
        let body: Data

        /// The API's description of the problem.
        var problem: String {
            struct Problem: Decodable {
                let detail: String
                let code: String
            }
            guard let problem = try? JSONDecoder().decode(Problem.self, from: body) else { return "HTTP \(status)" }
            return "\(problem.detail) (\(problem.code))"
        }
    }

    func send(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: Data? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(45))
            let bytes = try await response.body.collect(upTo: 16 << 20)
            return Answer(status: Int(response.status.code), body: Data(bytes.readableBytesView))
        } catch {
            throw Failure.failed("ClaimAPI at \(base) can't be reached: \(error); start it with deploy/up")
        }
    }
}

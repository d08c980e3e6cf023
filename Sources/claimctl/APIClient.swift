import Foundation
import FoundationNetworking
import Settings

/// Sends requests to ClaimAPI.
struct APIClient {
    static let url = Setting(
        "CLAIMS_URL", defaultValue: "http://127.0.0.1:8080", help: "base URL of ClaimAPI, for claimctl claim and rush")

    static let token = Setting(
        "CLAIMS_TOKEN", defaultValue: "", isSecret: true, help: "API key or JWT, for claimctl claim and rush")

    let base: String
    let token: String

    init(_ reader: SettingReader) throws(SettingError) {
        token = try reader.text(Self.token)
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

    /// Sends a request and waits up to 45 s for the answer.
    ///
    /// - Throws: ``Failure`` if ClaimAPI is unreachable.
    func send(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: Data? = nil
    ) async throws -> Answer {
        guard let url = URL(string: base + path) else {
            throw Failure.usage("CLAIMS_URL is not a valid URL: \(base)")
        }
        var request = URLRequest(url: url, timeoutInterval: 45)
        request.httpMethod = method
        if !token.isEmpty { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        if let body {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = body
        }
        do {
            let (data, response) = try await URLSession.shared.data(for: request)
            return Answer(status: (response as? HTTPURLResponse)?.statusCode ?? 0, body: data)
        } catch {
            let reason = (error as? URLError)?.localizedDescription ?? "\(error)"
            throw Failure.failed("ClaimAPI at \(base) can't be reached: \(reason); start it with deploy/up")
        }
    }
}

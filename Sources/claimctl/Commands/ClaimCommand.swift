import ArgumentParser
import Claims
import Foundation
import RuntimeSupport
import Settings

/// `claimctl claim`
struct ClaimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claim", abstract: "Submit, show and cancel claims, through ClaimAPI.",
        subcommands: [Submit.self, Show.self, Cancel.self])

    struct Submit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Claim a coupon for a user.",
            discussion: "Example: claimctl claim submit --user u1 --coupon FLASH_SALE --wait 10")

        @Option(name: .long, help: "The user's id.")
        var user: String

        @Option(name: .long, help: "The coupon's name.")
        var coupon: String

        @Option(name: .long, help: "The idempotency key; the same key returns the same claim. (default: a new key)")
        var key: String?

        @Option(name: .long, help: "Seconds to wait for the outcome, 0 to 30.")
        var wait = 0.0

        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard (0...30).contains(wait) else { throw Failure.usage("--wait must be from 0 to 30") }
            let api = try APIClient(SettingReader())
            let key = key ?? UUID().uuidString
            let quoted = key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            let body = try JSONEncoder().encode(["user_id": user, "coupon_name": coupon])
            let answer = try await api.send(
                "POST", "/claims", headers: [("Idempotency-Key", "\"\(quoted)\"")], body: body)
            guard answer.status == 202, let id = Self.id(answer.body) else {
                throw answer.status == 400 || answer.status == 422
                    ? Failure.usage(answer.problem) : Failure.failed(answer.problem)
            }
            try await show(id, wait: wait, api, output)
        }

        private static func id(_ body: Data) -> String? {
            struct Accepted: Decodable { let id: String }
            return (try? JSONDecoder().decode(Accepted.self, from: body))?.id
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a claim.")

        @Argument(help: "The claim's id.")
        var id: String

        @Option(name: .long, help: "Seconds to wait for the outcome, 0 to 30.")
        var wait = 0.0

        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard (0...30).contains(wait) else { throw Failure.usage("--wait must be from 0 to 30") }
            try await show(id, wait: wait, try APIClient(SettingReader()), output)
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel a claim: its coupon becomes available, and the user may claim again.",
            discussion: "Example: claimctl claim cancel ID --wait 10")

        @Argument(help: "The claim's id.")
        var id: String

        @Option(name: .long, help: "Seconds to wait until the claim is cancelled, 0 to 30.")
        var wait = 0.0

        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard (0...30).contains(wait) else { throw Failure.usage("--wait must be from 0 to 30") }
            let api = try APIClient(SettingReader())
            let deadline = ContinuousClock.now + .seconds(wait)
            var answer = try await api.send("POST", "\(path(id))/cancel")
            guard answer.status == 202 else { throw failure(answer, id) }
            while try JSONDecoder().decode(Claim.self, from: answer.body).status != .cancelled, .now < deadline {
                try await Task.sleep(for: .milliseconds(50))
                answer = try await api.send("GET", path(id))
                guard answer.status == 200 else { throw failure(answer, id) }
            }
            try show(answer, output)
        }
    }
}

private func path(_ id: String) -> String {
    "/claims/\(id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? id)"
}

private func failure(_ answer: APIClient.Answer, _ id: String) -> Failure {
    answer.status == 404 ? .nothingMatched("no claim \(id)") : .failed(answer.problem)
}

private func show(_ id: String, wait: Double, _ api: APIClient, _ output: OutputOptions) async throws {
    let answer = try await api.send("GET", "\(path(id))?wait=\(wait)")
    guard answer.status == 200 else { throw failure(answer, id) }
    try show(answer, output)
}

private func show(_ answer: APIClient.Answer, _ output: OutputOptions) throws {
    if output.json { return Output.line(String(decoding: answer.body, as: UTF8.self)) }
    let claim = try JSONDecoder().decode(Claim.self, from: answer.body)
    let place =
        claim.status.isFinal
        ? []
        : [
            ("position", claim.position.map { "\($0)" } ?? "-"),
            ("estimate", claim.estimatedSeconds.map { "\($0) s" } ?? "-"),
        ]
    Output.fields(
        [
            ("id", claim.id.description), ("status", claim.status.rawValue), ("reason", claim.reason ?? "-"),
            ("user", claim.userID?.description ?? "-"), ("coupon", claim.couponName?.description ?? "-"),
            ("attempts", "\(claim.attempts)"), ("created", claim.createdAt?.description ?? "-"),
            ("decided", claim.decidedAt?.description ?? "-"),
        ] + place)
}

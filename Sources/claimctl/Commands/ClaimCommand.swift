import ArgumentParser
import Foundation
import NIOHTTP1
import Shared

/// `claimctl claim`
struct ClaimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claim", abstract: "Make and look at claims, through ClaimAPI.",
        subcommands: [Submit.self, Show.self])

    struct Submit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Claim a coupon for a user.",
            discussion: "Example: claimctl claim submit --user u1 --coupon FLASH_SALE --wait 10")

        @Option(name: .long, help: "Who claims.")
        var user: String

        @Option(name: .long, help: "The coupon's name.")
        var coupon: String

        @Option(name: .long, help: "The idempotency key; the same key is the same claim. (default: a new one)")
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
                .POST, "/claims", headers: [("Idempotency-Key", "\"\(quoted)\"")], body: body)
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
        static let configuration = CommandConfiguration(abstract: "Show what became of a claim.")

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
}

private func show(_ id: String, wait: Double, _ api: APIClient, _ output: OutputOptions) async throws {
    let path = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? id
    let answer = try await api.send(.GET, "/claims/\(path)?wait=\(wait)")
    guard answer.status == 200 else {
        throw answer.status == 404 ? Failure.nothingMatched("no claim \(id)") : Failure.failed(answer.problem)
    }
    if output.json { return Output.line(String(decoding: answer.body, as: UTF8.self)) }
    let claim = try JSONDecoder().decode(Claim.self, from: answer.body)
    Output.fields([
        ("id", claim.id.description), ("status", claim.status.rawValue), ("reason", claim.reason ?? "-"),
        ("user", claim.userID?.description ?? "-"), ("coupon", claim.couponName?.description ?? "-"),
        ("attempts", "\(claim.attempts)"), ("created", claim.createdAt?.description ?? "-"),
        ("decided", claim.decidedAt?.description ?? "-"),
    ])
}

import Claims
import Foundation
import HTTPTypes
import Hummingbird
import Testing

@testable import ClaimAPI

@Suite struct BodyTests {
    private struct Body: Decodable {
        let user_id: UserID
    }

    /// Returns the problem with a body; nil if it is accepted.
    private func problem(
        _ body: String, type: String? = "application/json", list: String? = nil
    ) async -> Problem? {
        let headers: HTTPFields = type.map { [.contentType: $0] } ?? [:]
        do {
            _ = try await Request.post("/", body: body, headers: headers).json(Body.self, list: list)
            return nil
        } catch {
            return error as? Problem
        }
    }

    /// Returns JSON of exactly this size.
    private func body(bytes: Int) -> String {
        let json = #"{"user_id": "u1"}"#
        return json + String(repeating: " ", count: bytes - json.utf8.count)
    }

    @Test(arguments: [
        "application/json", "application/json; charset=utf-8", "Application/JSON", "application/json ;a=b",
    ])
    func jsonIsAccepted(_ type: String) async {
        #expect(await problem(#"{"user_id": "u1"}"#, type: type) == nil)
    }

    @Test(arguments: [nil, "", "text/plain", "application/jsonp", "application/x-www-form-urlencoded", "json"])
    func anotherTypeIsRefused(_ type: String?) async {
        let problem = await problem(#"{"user_id": "u1"}"#, type: type)
        #expect(problem?.status == .unsupportedMediaType)
        #expect(problem?.code == "unsupported_media_type")
    }

    @Test func aBodyMayHaveUpTo16KiB() async {
        #expect(await problem(body(bytes: 16 * 1024)) == nil)
        let problem = await problem(body(bytes: 16 * 1024 + 1))
        #expect(problem?.status == .contentTooLarge)
        #expect(problem?.code == "body_too_large")
        #expect(problem?.detail.contains("16 KiB") == true)
    }

    @Test func aLargerBodyIsReadOnlyIfItHasTheList() async throws {
        let padding = String(repeating: " ", count: 20_000)
        #expect(await problem(#"{"user_id": "u1", "users": []}"# + padding, list: "users") == nil)
        let problem = await problem(#"{"user_id": "u1"}"# + padding, list: "users")
        #expect(problem?.code == "body_too_large")
        #expect(problem?.detail.contains("16 KiB") == true)
    }

    @Test func aBodyWithAListIsNotReadBeyondItsLimit() async {
        let problem = await problem(
            #"{"user_id": "u1", "users": []}"# + String(repeating: " ", count: BodyLimit.userList), list: "users")
        #expect(problem?.code == "body_too_large")
        #expect(problem?.detail.contains("16 MiB") == true)
    }

    @Test func aListOfTooManyElementsIsRefusedBeforeItIsDecoded() async {
        let elements = String(repeating: "0,", count: EligibleUsersChange.limit + 101)
        let problem = await problem(#"{"users": [\#(elements)0]}"#, list: "users")
        #expect(problem?.code == "invalid_body")
        #expect(problem?.detail.contains("users must have at most 100000") == true)
    }

    @Test(arguments: [
        ("{}", "user_id is missing."), (#"{"user_id": 1}"#, "user_id must be a string."),
        (#"{"user_id": ""}"#, "user_id must be 1 to 128 characters without control characters."),
        ("", "the body is not valid JSON."), ("[]", "the body must be a JSON object."),
    ])
    func anInvalidBodyIsRefusedNamingTheField(_ body: String, _ detail: String) async {
        let problem = await problem(body)
        #expect(problem?.status == .unprocessableContent)
        #expect(problem?.code == "invalid_body")
        #expect(problem?.detail == detail)
    }

    @Test func aResponseStatesItsTypeAndLength() throws {
        let response = try Response.json(["path": "/a/b"], status: .created)
        #expect(response.status == .created)
        #expect(response.headers[.contentType] == "application/json")
        #expect(response.headers[.contentLength] == String(#"{"path":"/a/b"}"#.utf8.count))
    }
}

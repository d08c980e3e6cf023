import Foundation
import NIOCore
import Testing

@testable import claimbench

@Suite struct ClaimRequestTests {
    private static func request(
        _ index: Int, coupons: Int = 1, headers: [(name: String, value: String)] = []
    ) -> (head: [String], body: String) {
        var buffer = ByteBuffer()
        ClaimRequest(host: "h:1", headers: headers, run: "run", couponPrefix: "FLASH", coupons: coupons)
            .write(index, to: &buffer)
        let parts = String(buffer: buffer).components(separatedBy: "\r\n\r\n")
        return (parts[0].components(separatedBy: "\r\n"), parts.dropFirst().joined(separator: "\r\n\r\n"))
    }

    @Test func aRequestIsAClaimWithAKeyOfItsOwn() {
        let (head, body) = Self.request(17)
        #expect(
            head == [
                "POST /claims HTTP/1.1", "Host: h:1", "Content-Type: application/json", "Idempotency-Key: run-17",
                "Content-Length: \(body.utf8.count)",
            ])
        #expect(body == #"{"user_id":"run-17","coupon_name":"FLASH_0"}"#)
    }

    @Test(arguments: [0, 9, 10, 99_999, 100_000, .max]) func theContentLengthIsThatOfTheBody(_ index: Int) {
        let (head, body) = Self.request(index, coupons: 1000)
        #expect(head.last == "Content-Length: \(body.utf8.count)")
        #expect((try? JSONSerialization.jsonObject(with: Data(body.utf8))) is [String: String])
    }

    @Test func couponsTakeTurns() {
        let coupons = (0..<5).map { Self.request($0, coupons: 3).body.suffix(9) }
        #expect(coupons == ["FLASH_0\"}", "FLASH_1\"}", "FLASH_2\"}", "FLASH_0\"}", "FLASH_1\"}"])
    }

    @Test func furtherHeaderFieldsAreSent() {
        let (head, _) = Self.request(0, headers: [("Authorization", "Bearer t"), ("X-Test", "1")])
        #expect(head.contains("Authorization: Bearer t") && head.contains("X-Test: 1"))
    }
}

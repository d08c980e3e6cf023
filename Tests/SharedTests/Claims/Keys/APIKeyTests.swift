import Claims
import Testing

@Suite struct APIKeyTests {
    @Test func scopesKeepTheirNames() {
        #expect(
            Scope.allCases.map(\.rawValue) == [
                "claims:write", "claims:read", "coupons:write", "coupons:read", "dlq:read", "dlq:write", "keys:write",
                "metrics:read",
            ])
        for scope in Scope.allCases {
            for other in Scope.allCases { #expect(Scopes([scope]).contains(other) == (scope == other)) }
        }
        #expect(Scopes(Scope.allCases).names == Scope.allCases.map(\.rawValue))
    }

    @Test func anAPIKeyIsReadBackAndHashedAsAWhole() throws {
        let token = APIKeyToken()
        #expect(token.text.wholeMatch(of: /ck_[0-9a-v]{16}_[0-9a-f]{64}/) != nil)
        let read = try #require(APIKeyToken(token.text))
        #expect(read.id == token.id && read.hash == token.hash && token.hash.count == 32)
        #expect(APIKeyToken().hash != token.hash)
        let changed = token.text.dropLast() + (token.text.hasSuffix("0") ? "1" : "0")
        #expect(APIKeyToken(String(changed))?.hash != token.hash)
        for text in [
            "", "ck_", "ck_a_b", "xx\(token.text)", "\(token.text)0", "\(token.text)_x", String(token.text.dropLast()),
        ] {
            #expect(APIKeyToken(text) == nil, "\(text)")
        }
    }
}

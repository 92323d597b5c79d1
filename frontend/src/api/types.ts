// Generated from docs/openapi.yaml by tools/types. Do not edit it: run `npm run types`.
export interface components {
    schemas: {
        AccountDeletion: {
            current_password?: string | null;
        };
        ApiTokenPage: {
            items: components["schemas"]["ApiTokenRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        ApiTokenRead: {
            id: string;
            name: string;
            scopes: ("tasks:read" | "tasks:write" | "tasks:delete" | "account:read")[];
            created_at: string;
            expires_at: string | null;
            last_used_at: string | null;
            last_used_from: string | null;
        };
        AssertionResponse: {
            clientDataJSON: string;
            authenticatorData: string;
            signature: string;
            userHandle?: string | null;
        };
        AttestationResponse: {
            clientDataJSON: string;
            attestationObject: string;
        };
        Batch: {
            operations: components["schemas"]["Operation"][];
            atomic?: boolean;
        };
        BatchResult: {
            applied: boolean;
            results: components["schemas"]["Result"][];
        };
        Change: components["schemas"]["TaskChange"] | components["schemas"]["ListChange"] | components["schemas"]["SectionChange"] | components["schemas"]["LabelChange"] | components["schemas"]["FilterChange"] | components["schemas"]["UserChange"];
        ChangeEvent: {
            event: "change";
            id: string;
            data: string;
        };
        ChangePage: {
            changes: components["schemas"]["Change"][];
            token: string;
            has_more: boolean;
            full: boolean;
        };
        CompleteTask: {
            type: "task";
            id: string;
            if_match?: number | null;
            op: "complete";
            data?: components["schemas"]["Completion"];
        };
        Completion: {
            occurrence?: string | null;
            completed_at?: string | null;
        };
        CreateFilter: {
            op: "create";
            type: "filter";
            data: components["schemas"]["FilterCreate"];
        };
        CreateLabel: {
            op: "create";
            type: "label";
            data: components["schemas"]["LabelCreate"];
        };
        CreateList: {
            op: "create";
            type: "list";
            data: components["schemas"]["ListCreate"];
        };
        CreateSection: {
            op: "create";
            type: "section";
            data: components["schemas"]["SectionCreate"];
        };
        CreateTask: {
            op: "create";
            type: "task";
            data: components["schemas"]["TaskCreate"];
        };
        CreatedApiToken: {
            id: string;
            name: string;
            scopes: ("tasks:read" | "tasks:write" | "tasks:delete" | "account:read")[];
            created_at: string;
            expires_at: string | null;
            last_used_at: string | null;
            last_used_from: string | null;
            token: string;
        };
        Credentials: {
            email: string;
            password: string;
        };
        DeleteFilter: {
            type: "filter";
            id: string;
            if_match?: number | null;
            op: "delete";
        };
        DeleteLabel: {
            type: "label";
            id: string;
            if_match?: number | null;
            op: "delete";
        };
        DeleteList: {
            type: "list";
            id: string;
            if_match?: number | null;
            op: "delete";
            data?: components["schemas"]["ListDeleteOptions"];
        };
        DeleteOptions: {
            permanent?: boolean;
        };
        DeleteSection: {
            type: "section";
            id: string;
            if_match?: number | null;
            op: "delete";
        };
        DeleteTask: {
            type: "task";
            id: string;
            if_match?: number | null;
            op: "delete";
            data?: components["schemas"]["DeleteOptions"];
        };
        EmailVerification: {
            token: string;
        };
        ErrorBody: {
            code: components["schemas"]["ErrorCode"];
            message: string;
            details: components["schemas"]["ErrorDetails"];
        };
        ErrorCode: "BATCH_NOT_APPLIED" | "EMAIL_NOT_VERIFIED" | "EMAIL_TAKEN" | "FORBIDDEN" | "IDEMPOTENCY_IN_FLIGHT" | "IDEMPOTENCY_MISMATCH" | "ID_TAKEN" | "INSUFFICIENT_SCOPE" | "INTERNAL_ERROR" | "LOCAL_ACCOUNTS_DISABLED" | "MAIL_NOT_CONFIGURED" | "METHOD_NOT_ALLOWED" | "NAME_TAKEN" | "NOT_FOUND" | "PASSKEYS_NOT_CONFIGURED" | "PAYLOAD_TOO_LARGE" | "PRECONDITION_FAILED" | "PRECONDITION_REQUIRED" | "QUOTA_EXCEEDED" | "RATE_LIMITED" | "RECENT_SIGN_IN_REQUIRED" | "REGISTRATION_CLOSED" | "REQUEST_TIMEOUT" | "SECOND_FACTOR_REQUIRED" | "SERVICE_UNAVAILABLE" | "SYNC_TOKEN_EXPIRED" | "TOO_MANY_CHANGES" | "UNAUTHENTICATED" | "UNSUPPORTED_MEDIA_TYPE" | "VALIDATION_ERROR";
        ErrorDetails: {
            fields?: components["schemas"]["FieldError"][];
            limit?: number;
            count?: number;
            what?: string;
            required?: string[];
            challenge?: string;
            factors?: string[];
            options?: {
                [key: string]: unknown;
            };
        };
        ErrorEnvelope: {
            error: components["schemas"]["ErrorBody"];
        };
        FactorConfirmation: {
            code?: string | null;
            credential?: components["schemas"]["NewPasskey"] | null;
        };
        FactorConfirmed: {
            factor: components["schemas"]["FactorRead"];
            recovery_codes: string[] | null;
        };
        FactorCreate: {
            type: "totp" | "passkey";
            name: string;
        };
        FactorEnrolment: {
            id: string;
            type: "totp" | "passkey";
            name: string;
            secret: string | null;
            uri: string | null;
            options: {
                [key: string]: unknown;
            } | null;
        };
        FactorList: {
            items: components["schemas"]["FactorRead"][];
            recovery_codes_left: number;
        };
        FactorRead: {
            id: string;
            type: "totp" | "passkey";
            name: string;
            created_at: string;
            confirmed_at: string | null;
            last_used_at: string | null;
        };
        FactorSignIn: {
            challenge: string;
            code?: string | null;
            assertion?: components["schemas"]["PasskeyAssertion"] | null;
        };
        FieldError: {
            path: string;
            message: string;
            type: string;
            position?: number;
        };
        FilterChange: components["schemas"]["FilterUpsert"] | components["schemas"]["FilterDeletion"];
        FilterCreate: {
            after_id?: string | null;
            before_id?: string | null;
            id?: string | null;
            name: string;
            query: string;
            color?: string | null;
        };
        FilterDeletion: {
            type: "filter";
            id: string;
            op: "delete";
            data: null;
        };
        FilterOperation: components["schemas"]["CreateFilter"] | components["schemas"]["UpdateFilter"] | components["schemas"]["DeleteFilter"] | components["schemas"]["MoveFilter"];
        FilterPage: {
            items: components["schemas"]["FilterRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        FilterPatch: {
            name?: string;
            query?: string;
            color?: string | null;
        };
        FilterRead: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            name: string;
            query: string;
            color: string | null;
            position: string;
        };
        FilterReplace: {
            name: string;
            query: string;
            color?: string | null;
        };
        FilterResult: {
            status: number;
            type: "filter";
            data: components["schemas"]["FilterRead"] | null;
            error: components["schemas"]["ErrorBody"] | null;
        };
        FilterSort: "position" | "-position" | "name" | "-name";
        FilterUpsert: {
            type: "filter";
            id: string;
            op: "upsert";
            data: components["schemas"]["FilterRead"];
        };
        Health: {
            status: "ok";
        };
        IdentityRead: {
            issuer: string;
            subject: string;
            created_at: string;
        };
        LabelChange: components["schemas"]["LabelUpsert"] | components["schemas"]["LabelDeletion"];
        LabelCreate: {
            after_id?: string | null;
            before_id?: string | null;
            id?: string | null;
            name: string;
            color?: string | null;
        };
        LabelDeletion: {
            type: "label";
            id: string;
            op: "delete";
            data: null;
        };
        LabelOperation: components["schemas"]["CreateLabel"] | components["schemas"]["UpdateLabel"] | components["schemas"]["DeleteLabel"] | components["schemas"]["MoveLabel"];
        LabelPage: {
            items: components["schemas"]["LabelRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        LabelPatch: {
            name?: string;
            color?: string | null;
        };
        LabelRead: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            name: string;
            color: string | null;
            position: string;
        };
        LabelReplace: {
            name: string;
            color?: string | null;
        };
        LabelResult: {
            status: number;
            type: "label";
            data: components["schemas"]["LabelRead"] | null;
            error: components["schemas"]["ErrorBody"] | null;
        };
        LabelSort: "position" | "-position" | "name" | "-name";
        LabelUpsert: {
            type: "label";
            id: string;
            op: "upsert";
            data: components["schemas"]["LabelRead"];
        };
        ListAction: {
            type: "list";
            id: string;
            if_match?: number | null;
            op: "restore";
        };
        ListChange: components["schemas"]["ListUpsert"] | components["schemas"]["ListDeletion"];
        ListCreate: {
            after_id?: string | null;
            before_id?: string | null;
            id?: string | null;
            name: string;
            color?: string | null;
            is_archived?: boolean;
            metadata?: {
                [key: string]: unknown;
            };
        };
        ListDeleteOptions: {
            permanent?: boolean;
            move_tasks_to?: "inbox" | string | null;
        };
        ListDeletion: {
            type: "list";
            id: string;
            op: "delete";
            data: null;
        };
        ListOperation: components["schemas"]["CreateList"] | components["schemas"]["UpdateList"] | components["schemas"]["DeleteList"] | components["schemas"]["MoveList"] | components["schemas"]["ListAction"];
        ListPage: {
            items: components["schemas"]["ListRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        ListPatch: {
            name?: string;
            color?: string | null;
            is_archived?: boolean;
            metadata?: {
                [key: string]: unknown;
            } | null;
        };
        ListRead: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            name: string;
            color: string | null;
            is_archived: boolean;
            metadata: {
                [key: string]: unknown;
            };
            position: string;
            trashed_at: string | null;
        };
        ListReplace: {
            name: string;
            color?: string | null;
            is_archived?: boolean;
            metadata?: {
                [key: string]: unknown;
            };
        };
        ListResult: {
            status: number;
            type: "list";
            data: components["schemas"]["ShortList"] | null;
            error: components["schemas"]["ErrorBody"] | null;
        };
        ListSort: "position" | "-position" | "name" | "-name";
        ListUpsert: {
            type: "list";
            id: string;
            op: "upsert";
            data: components["schemas"]["ListRead"];
        };
        Moment: {
            date: string;
            time?: string | null;
            timezone?: string | null;
        };
        MomentPatch: {
            date?: string;
            time?: string | null;
            timezone?: string | null;
        };
        MomentRead: {
            date: string;
            time: string | null;
            timezone: string | null;
        };
        Move: {
            after_id?: string | null;
            before_id?: string | null;
        };
        MoveFilter: {
            type: "filter";
            id: string;
            if_match?: number | null;
            op: "move";
            data: components["schemas"]["Move"];
        };
        MoveLabel: {
            type: "label";
            id: string;
            if_match?: number | null;
            op: "move";
            data: components["schemas"]["Move"];
        };
        MoveList: {
            type: "list";
            id: string;
            if_match?: number | null;
            op: "move";
            data: components["schemas"]["Move"];
        };
        MoveSection: {
            type: "section";
            id: string;
            if_match?: number | null;
            op: "move";
            data: components["schemas"]["Move"];
        };
        MoveTask: {
            type: "task";
            id: string;
            if_match?: number | null;
            op: "move";
            data: components["schemas"]["TaskMove"];
        };
        NewApiToken: {
            name: string;
            scopes: ("tasks:read" | "tasks:write" | "tasks:delete" | "account:read")[];
            expires_at?: string | null;
        };
        NewPasskey: {
            id: string;
            rawId: string;
            type: "public-key";
            response: components["schemas"]["AttestationResponse"];
        };
        Operation: components["schemas"]["TaskOperation"] | components["schemas"]["ListOperation"] | components["schemas"]["SectionOperation"] | components["schemas"]["LabelOperation"] | components["schemas"]["FilterOperation"];
        PasskeyAssertion: {
            id: string;
            rawId: string;
            type: "public-key";
            response: components["schemas"]["AssertionResponse"];
        };
        PasskeyChallenge: {
            challenge: string;
            options: {
                [key: string]: unknown;
            };
        };
        PasswordChange: {
            current_password: string;
            new_password: string;
        };
        PasswordForgotten: {
            email: string;
        };
        PasswordForm: {
            grant_type?: string;
            username: string;
            password: string;
            scope?: string;
            client_id?: string;
            client_secret?: string;
        };
        PasswordReset: {
            token: string;
            new_password: string;
        };
        PublicKey: {
            kty: "OKP";
            crv: "Ed25519";
            x: string;
            kid: string;
            use: "sig";
            alg: "EdDSA";
        };
        PublicKeySet: {
            keys: components["schemas"]["PublicKey"][];
        };
        QuickAdd: {
            text: string;
            id?: string | null;
            dry_run?: boolean;
        };
        QuickAddDraft: {
            title: string;
            list_id: string | null;
            section_id: string | null;
            labels: components["schemas"]["QuickAddLabel"][];
            priority: number | null;
            due: components["schemas"]["QuickAddDue"] | null;
            duration_minutes: number | null;
            recurrence: components["schemas"]["QuickAddRecurrence"] | null;
        };
        QuickAddDue: {
            date: string;
            time: string | null;
        };
        QuickAddLabel: {
            id: string | null;
            name: string;
        };
        QuickAddPreview: {
            draft: components["schemas"]["QuickAddDraft"];
            spans: components["schemas"]["QuickAddSpan"][];
        };
        QuickAddPreviewOrResult: components["schemas"]["QuickAddPreview"] | components["schemas"]["QuickAddResult"];
        QuickAddRecurrence: {
            rule: string;
            anchor: "due" | "completion";
        };
        QuickAddResult: {
            task: components["schemas"]["TaskRead"];
            spans: components["schemas"]["QuickAddSpan"][];
        };
        QuickAddSpan: {
            start: number;
            end: number;
            kind: components["schemas"]["SpanKind"];
            value: string | number;
        };
        ReadyEvent: {
            event: "ready";
            id: string;
            data: string;
        };
        RecoveryCodes: {
            recovery_codes: string[];
        };
        Recurrence: {
            rule: string;
            anchor?: "due" | "completion";
            from?: string | null;
        };
        RecurrencePatch: {
            rule?: string;
            anchor?: "due" | "completion";
            from?: string | null;
        };
        RecurrenceRead: {
            rule: string;
            anchor: "due" | "completion";
            from: string;
            occurrence: string;
            remaining: number | null;
        };
        Refresh: {
            refresh_token?: string;
        };
        Registration: {
            email: string;
            password: string;
            name?: string | null;
            timezone?: string;
            week_start?: number;
            language?: "en" | "de";
        };
        ResetEvent: {
            event: "reset";
            data: string;
        };
        Result: components["schemas"]["TaskResult"] | components["schemas"]["ListResult"] | components["schemas"]["SectionResult"] | components["schemas"]["LabelResult"] | components["schemas"]["FilterResult"];
        SectionChange: components["schemas"]["SectionUpsert"] | components["schemas"]["SectionDeletion"];
        SectionCreate: {
            after_id?: string | null;
            before_id?: string | null;
            id?: string | null;
            name: string;
            list_id: string;
        };
        SectionDeletion: {
            type: "section";
            id: string;
            op: "delete";
            data: null;
        };
        SectionOperation: components["schemas"]["CreateSection"] | components["schemas"]["UpdateSection"] | components["schemas"]["DeleteSection"] | components["schemas"]["MoveSection"];
        SectionPage: {
            items: components["schemas"]["SectionRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        SectionPatch: {
            name?: string;
        };
        SectionRead: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            list_id: string;
            name: string;
            position: string;
        };
        SectionReplace: {
            name: string;
        };
        SectionResult: {
            status: number;
            type: "section";
            data: components["schemas"]["SectionRead"] | null;
            error: components["schemas"]["ErrorBody"] | null;
        };
        SectionSort: "position" | "-position" | "name" | "-name";
        SectionUpsert: {
            type: "section";
            id: string;
            op: "upsert";
            data: components["schemas"]["SectionRead"];
        };
        SecurityEventPage: {
            items: components["schemas"]["SecurityEventRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        SecurityEventRead: {
            id: string;
            event: string;
            address: string | null;
            user_agent: string | null;
            created_at: string;
        };
        SessionPage: {
            items: components["schemas"]["SessionRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        SessionRead: {
            id: string;
            user_agent: string | null;
            created_at: string;
            last_used_at: string;
            expires_at: string;
            is_current: boolean;
        };
        SessionTokens: {
            access_token: string;
            refresh_token?: string;
            token_type: "bearer";
            expires_in: number;
            user: components["schemas"]["UserRead"];
        };
        ShortList: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            name: string;
            color: string | null;
            is_archived: boolean;
            metadata?: {
                [key: string]: unknown;
            };
            position: string;
            trashed_at: string | null;
        };
        ShortTask: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            title?: string;
            description?: string | null;
            is_completed: boolean;
            completed_at: string | null;
            trashed_at: string | null;
            list_id: string | null;
            section_id: string | null;
            parent_id: string | null;
            position: string;
            priority: number | null;
            start: components["schemas"]["MomentRead"] | null;
            due: components["schemas"]["MomentRead"] | null;
            duration_minutes: number | null;
            recurrence: components["schemas"]["RecurrenceRead"] | null;
            occurrence_of: string | null;
            occurrence: string | null;
            label_ids: string[];
            metadata?: {
                [key: string]: unknown;
            };
        };
        SignInCodeExchange: {
            code: string;
            verifier?: string | null;
        };
        SignInProviderList: {
            items: components["schemas"]["SignInProviderRead"][];
        };
        SignInProviderRead: {
            name: string;
            title: string;
        };
        Skip: {
            occurrence: string;
        };
        SkipTask: {
            type: "task";
            id: string;
            if_match?: number | null;
            op: "skip";
            data: components["schemas"]["Skip"];
        };
        SpanKind: "list" | "section" | "label" | "priority" | "date" | "time" | "duration" | "recurrence" | "escape";
        StreamedEvent: components["schemas"]["ReadyEvent"] | components["schemas"]["ChangeEvent"] | components["schemas"]["ResetEvent"];
        TaskAction: {
            type: "task";
            id: string;
            if_match?: number | null;
            op: "reopen" | "restore";
        };
        TaskChange: components["schemas"]["TaskUpsert"] | components["schemas"]["TaskDeletion"];
        TaskCreate: {
            after_id?: string | null;
            before_id?: string | null;
            id?: string | null;
            title: string;
            description?: string | null;
            is_completed?: boolean;
            list_id?: string | null;
            section_id?: string | null;
            parent_id?: string | null;
            priority?: number | null;
            start?: components["schemas"]["Moment"] | null;
            due?: components["schemas"]["Moment"] | null;
            duration_minutes?: number | null;
            recurrence?: components["schemas"]["Recurrence"] | null;
            label_ids?: string[];
            metadata?: {
                [key: string]: unknown;
            };
            completed_at?: string | null;
        };
        TaskDeletion: {
            type: "task";
            id: string;
            op: "delete";
            data: null;
        };
        TaskMove: {
            after_id?: string | null;
            before_id?: string | null;
            list_id?: string | null;
            section_id?: string | null;
            parent_id?: string | null;
        };
        TaskOperation: components["schemas"]["CreateTask"] | components["schemas"]["UpdateTask"] | components["schemas"]["DeleteTask"] | components["schemas"]["MoveTask"] | components["schemas"]["CompleteTask"] | components["schemas"]["SkipTask"] | components["schemas"]["TaskAction"];
        TaskPage: {
            items: components["schemas"]["TaskRead"][];
            next_cursor: string | null;
            total: number | null;
        };
        TaskPatch: {
            title?: string;
            description?: string | null;
            is_completed?: boolean;
            list_id?: string | null;
            section_id?: string | null;
            parent_id?: string | null;
            priority?: number | null;
            start?: components["schemas"]["MomentPatch"] | null;
            due?: components["schemas"]["MomentPatch"] | null;
            duration_minutes?: number | null;
            recurrence?: components["schemas"]["RecurrencePatch"] | null;
            label_ids?: string[];
            add_label_ids?: string[];
            remove_label_ids?: string[];
            metadata?: {
                [key: string]: unknown;
            } | null;
        };
        TaskRead: {
            id: string;
            user_id: string;
            created_at: string;
            updated_at: string;
            version: number;
            title: string;
            description: string | null;
            is_completed: boolean;
            completed_at: string | null;
            trashed_at: string | null;
            list_id: string | null;
            section_id: string | null;
            parent_id: string | null;
            position: string;
            priority: number | null;
            start: components["schemas"]["MomentRead"] | null;
            due: components["schemas"]["MomentRead"] | null;
            duration_minutes: number | null;
            recurrence: components["schemas"]["RecurrenceRead"] | null;
            occurrence_of: string | null;
            occurrence: string | null;
            label_ids: string[];
            metadata: {
                [key: string]: unknown;
            };
        };
        TaskReplace: {
            title: string;
            description?: string | null;
            is_completed?: boolean;
            list_id?: string | null;
            section_id?: string | null;
            parent_id?: string | null;
            priority?: number | null;
            start?: components["schemas"]["Moment"] | null;
            due?: components["schemas"]["Moment"] | null;
            duration_minutes?: number | null;
            recurrence?: components["schemas"]["Recurrence"] | null;
            label_ids?: string[];
            metadata?: {
                [key: string]: unknown;
            };
        };
        TaskResult: {
            status: number;
            type: "task";
            data: components["schemas"]["ShortTask"] | null;
            error: components["schemas"]["ErrorBody"] | null;
        };
        TaskSort: "created_at" | "-created_at" | "updated_at" | "-updated_at" | "completed_at" | "-completed_at" | "due" | "-due" | "priority" | "-priority" | "position" | "-position" | "title" | "-title";
        TaskUpsert: {
            type: "task";
            id: string;
            op: "upsert";
            data: components["schemas"]["TaskRead"];
        };
        UpdateFilter: {
            type: "filter";
            id: string;
            if_match?: number | null;
            op: "update";
            data: components["schemas"]["FilterPatch"];
        };
        UpdateLabel: {
            type: "label";
            id: string;
            if_match?: number | null;
            op: "update";
            data: components["schemas"]["LabelPatch"];
        };
        UpdateList: {
            type: "list";
            id: string;
            if_match?: number | null;
            op: "update";
            data: components["schemas"]["ListPatch"];
        };
        UpdateSection: {
            type: "section";
            id: string;
            if_match?: number | null;
            op: "update";
            data: components["schemas"]["SectionPatch"];
        };
        UpdateTask: {
            type: "task";
            id: string;
            if_match?: number | null;
            op: "update";
            data: components["schemas"]["TaskPatch"];
        };
        UserChange: {
            type: "user";
            id: string;
            op: "upsert";
            data: components["schemas"]["UserRead"];
        };
        UserExport: {
            user: components["schemas"]["UserRead"];
            identities: components["schemas"]["IdentityRead"][];
            sessions: components["schemas"]["SessionRead"][];
            factors: components["schemas"]["FactorRead"][];
            api_tokens: components["schemas"]["ApiTokenRead"][];
            security_events: components["schemas"]["SecurityEventRead"][];
            tasks: components["schemas"]["TaskRead"][];
            lists: components["schemas"]["ListRead"][];
            sections: components["schemas"]["SectionRead"][];
            labels: components["schemas"]["LabelRead"][];
            filters: components["schemas"]["FilterRead"][];
            trash: (components["schemas"]["TaskRead"] | components["schemas"]["ListRead"] | components["schemas"]["SectionRead"])[];
        };
        UserPatch: {
            name?: string | null;
            email?: string;
            timezone?: string;
            week_start?: number;
            language?: "en" | "de";
            current_password?: string | null;
        };
        UserRead: {
            id: string;
            email: string | null;
            email_verified_at: string | null;
            pending_email: string | null;
            name: string | null;
            timezone: string;
            week_start: number;
            language: "en" | "de";
            created_at: string;
            updated_at: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
